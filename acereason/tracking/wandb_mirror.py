"""Weights & Biases as a mirror of metrics.jsonl. The only module that imports wandb.

Everything that touches wandb happens on one thread of its own, so that neither its import, nor a slow
network, nor a failure inside it can hold up or stop a run: what the loop pays for a step is putting a
row on a queue. What wandb has lost or missed is in metrics.jsonl, and a resume tells it again.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from acereason.config.schema import WandbConfig
from acereason.tracking import files

log = logging.getLogger(__name__)

RUN_ID = "wandb_run_id"  # lies beside the offline runs, in run_dir/wandb
_QUEUE = 100_000  # rows waiting for wandb; beyond that rows are dropped and counted, never waited for
_START_TIMEOUT_S = 30.0


class WandbMirror:
    """One wandb run for one training run. `log` and `log_eval` return at once; nothing here raises.

    Args:
        config: `tracking.wandb`; with mode "disabled" nothing is imported or started.
        run_dir: the run directory; wandb's own files go to run_dir/wandb.
        name: name of the run.
        resolved: the resolved configuration as a plain dict.
        resume: tell wandb again what metrics.jsonl already holds. An offline resume writes a new
            folder under run_dir/wandb that holds the whole run; an online one sends the missing steps.

    `failures` counts calls into wandb that failed and rows that were dropped.
    """

    def __init__(
        self, config: WandbConfig, run_dir: Path, name: str, resolved: Mapping[str, Any], resume: bool = False
    ) -> None:
        self.failures = 0
        self._config, self._run_dir, self._name = config, Path(run_dir), name
        self._resolved = files.finite(dict(resolved))
        self._queue: queue.Queue[tuple[int, dict[str, Any]] | None] = queue.Queue(_QUEUE)
        self._thread: threading.Thread | None = None
        self._warned = False
        self._finish_by = float("inf")
        self._exit_code = 0
        if config.mode == "disabled":
            return
        # Read here, on the caller's thread: later rows come through the queue, and none comes twice.
        past = list(history(self._run_dir)) if resume else []
        self._thread = threading.Thread(target=self._mirror, args=(past,), name="wandb mirror", daemon=True)
        self._thread.start()

    def log(self, row: Mapping[str, Any]) -> None:
        """Mirrors one row of metrics.jsonl, under its own step."""
        self._put(int(row["step"]), _loggable(row))

    def log_eval(self, step: int, result: Mapping[str, Mapping[str, Any]]) -> None:
        """Mirrors a held-out evaluation made after `step`, as `eval/<domain>/<figure>`."""
        self._put(step, _eval_metrics(result))

    def finish(self, deadline_s: float = 20.0, exit_code: int = 0) -> bool:
        """Ends the wandb run; waits at most `deadline_s`. True when wandb said that all was written."""
        if self._thread is None:
            return True
        self._finish_by = time.monotonic() + deadline_s
        self._exit_code = exit_code
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            self._failed("finish", RuntimeError("its queue is full"))
            return False
        self._thread.join(deadline_s)
        if self._thread.is_alive():
            self._failed("finish", TimeoutError(f"not done after {deadline_s:.0f} s"))
            return False
        self._thread = None
        return self.failures == 0

    def _put(self, step: int, metrics: dict[str, Any]) -> None:
        if self._thread is None:
            return
        try:
            self._queue.put_nowait((step, metrics))
        except queue.Full:
            self._failed("log", RuntimeError("its queue is full"))

    def _mirror(self, past: list[tuple[int, dict[str, Any]]]) -> None:
        try:
            run = self._start()
        except BaseException as error:  # wandb raises SystemExit and its own errors alike
            self._failed("start", error)
            run = None
        for step, metrics in past:
            self._log(run, step, metrics)
        while (item := self._queue.get()) is not None:
            self._log(run, *item)
        if run is not None:
            try:
                run.finish(exit_code=self._exit_code)
            except BaseException as error:
                self._failed("finish", error)

    def _log(self, run: Any, step: int, metrics: dict[str, Any]) -> None:
        if run is None or time.monotonic() > self._finish_by:
            self.failures += 1
            return
        try:
            run.log(metrics, step=step)
        except BaseException as error:
            self._failed("log", error)

    def _start(self) -> Any:
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        (self._run_dir / "wandb").mkdir(parents=True, exist_ok=True)
        settings = wandb.Settings(
            silent=True,
            console="off",  # the terminal belongs to the live view
            init_timeout=_START_TIMEOUT_S,
            finish_timeout=_START_TIMEOUT_S,
            disable_git=True,
            save_code=False,
            x_disable_stats=True,
        )
        return wandb.init(
            project=self._config.project,
            entity=self._config.entity,
            group=self._config.group,
            tags=list(self._config.tags),
            name=self._name,
            id=run_id(self._run_dir),
            config=self._resolved,
            dir=str(self._run_dir),
            mode=cast(Literal["offline", "online"], self._config.mode),
            resume="allow" if self._config.mode == "online" else None,
            reinit="create_new",  # several runs in one process stay several
            settings=settings,
        )

    def _failed(self, what: str, error: BaseException) -> None:
        self.failures += 1
        if not self._warned:
            self._warned = True
            log.warning(
                "wandb failed to %s (%s: %s); the run goes on, and %s remains its record",
                what, type(error).__name__, str(error)[:300], files.METRICS,
            )  # fmt: skip


def run_id(run_dir: Path) -> str:
    """The wandb id of this run directory, made once and kept beside wandb's own files."""
    path = Path(run_dir) / "wandb" / RUN_ID
    if path.exists():
        return path.read_text(encoding="ascii").strip()
    made = secrets.token_hex(8)
    files.write_bytes(path, made.encode("ascii"))
    return made


def history(run_dir: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(step, metrics) of everything that the run directory records, evaluations included, by step."""
    by_step: dict[int, dict[str, Any]] = {}
    bounds: dict[str, tuple[int, int]] = {}
    for row in files.read_metrics(run_dir):
        by_step.setdefault(row["step"], {}).update(_loggable(row))
        stage = str(row["stage"])
        # The stage's first step is where it would be had it been counted from its own step 1.
        bounds[stage] = (row["step"] - row["stage_step"], row["step"])
    for stage, (start, end) in bounds.items():
        whole = files.read_eval(run_dir, stage)
        found = [(start, whole.get("before")), (end, whole.get("after"))]
        found += [(start + int(step), result) for step, result in whole.get("steps", {}).items()]
        for step, result in found:
            if result:
                by_step.setdefault(step, {}).update(_eval_metrics(result))
    yield from sorted(by_step.items())


def _loggable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None and key != "step"}


def _eval_metrics(result: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        f"eval/{domain}/{key}": value
        for domain, values in result.items()
        for key, value in files.finite(dict(values)).items()
        if isinstance(value, int | float)
    }
