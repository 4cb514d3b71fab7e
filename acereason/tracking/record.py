"""The record of a run: metrics, rollouts, evaluations and the summary, as files in the run directory.

This is the record; W&B, the live view and the report are made from it. One process writes a run
directory at a time, and a lock on it says so.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from acereason.errors import InputError, RunError
from acereason.tracking import files
from acereason.tracking.files import read_eval, read_metrics, read_rollouts, run_state

__all__ = ["RunRecord", "StageSummary", "read_eval", "read_metrics", "read_rollouts", "run_state"]

REQUIRED = ("step", "stage", "stage_step", "wall_s")
STATUSES = ("completed", "failed", "stopped")
STAGE_DOMAINS = ("sft", "math", "code", "mixed")


@dataclass(frozen=True)
class StageSummary:
    """One stage in summary.json; accuracies are avg@k in 0..1 by domain, empty where not evaluated."""

    name: str
    domain: str
    steps: int
    seconds: float
    eval_before: Mapping[str, float] = field(default_factory=dict)
    eval_after: Mapping[str, float] = field(default_factory=dict)
    stopped_by: str | None = None  # why it ended: steps, epochs, plateau; None while it has not
    inherited_from: str | None = None  # the run that trained it, where this one took it over
    problems: Mapping[str, int] | None = None  # rows of the data, kept by filters, left; written where it has filters


class RunRecord:
    """Writes the files of one run. A context manager; `close` gives the directory free.

    `keep_rollouts` is `rollouts.keep`: the newest steps kept of each stage, None for all of them.
    Raises `InputError` where another process is still writing the same run directory after `lock_timeout_s`.
    """

    def __init__(self, run_dir: Path, keep_rollouts: int | None = None, lock_timeout_s: float = 10.0) -> None:
        self.run_dir = Path(run_dir)
        self.keep_rollouts = keep_rollouts
        try:
            self.run_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"run_dir={self.run_dir}: cannot be made ({error.strerror}); choose another") from None
        self._metrics: IO[bytes] | None = None
        self._lock = _lock(self.run_dir, lock_timeout_s)
        rows = read_metrics(self.run_dir)
        self.last_step = rows[-1]["step"] if rows else 0

    def __enter__(self) -> RunRecord:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the metrics file and gives the run directory free. May be called twice."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None
        self._lock.close()

    def log_step(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Appends one step as one line and hands it to the operating system at once.

        `metrics` holds step, stage, stage_step, wall_s and the metric keys; NaN and infinities are
        written as null. Returns the row as written. Raises `RunError` when a required key is absent or
        the step is not above the last one, for every step stands in the file once.
        """
        missing = [key for key in REQUIRED if key not in metrics]
        if missing:
            raise RunError(f"a step's metrics lack {', '.join(missing)}; every row of {files.METRICS} needs {REQUIRED}")
        row: dict[str, Any] = files.finite({key: metrics[key] for key in REQUIRED} | dict(metrics))
        if not isinstance(row["step"], int) or row["step"] <= self.last_step:
            raise RunError(f"step {row['step']} follows step {self.last_step} in {files.METRICS}; steps must go up")
        if self._metrics is None:
            self._metrics = _open_for_append(self.run_dir / files.METRICS)
        self._metrics.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        self._metrics.flush()
        self.last_step = row["step"]
        return row

    def truncate_after(self, step: int) -> int:
        """Forgets what came after `step`, for a resume from that step's checkpoint. Returns the rows removed.

        Removes later metrics rows and a torn last line, rollouts and mid-stage evaluations of later
        steps, the closing evaluation of a stage that is to be continued, and the summary of the run
        that ended. Safe to repeat.
        """
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None
        rows = read_metrics(self.run_dir)
        kept = [row for row in rows if row["step"] <= step]
        path = self.run_dir / files.METRICS
        if path.exists():
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
            files.write_bytes(path, "".join(lines).encode("utf-8", "replace"))
        reached = {str(row["stage"]): int(row["stage_step"]) for row in kept}
        cut = {str(row["stage"]) for row in rows[len(kept) :]}
        for folder in sorted((self.run_dir / "rollouts").glob("*/")):
            for stage_step, file in files.recorded_rollouts(self.run_dir, folder.name):
                if stage_step > reached.get(folder.name, 0):
                    file.unlink()
        for file in sorted((self.run_dir / "eval").glob("*.json")):
            _cut_evaluation(file, reached.get(file.stem, 0), again=file.stem in cut or file.stem not in reached)
        (self.run_dir / files.SUMMARY).unlink(missing_ok=True)
        self.last_step = kept[-1]["step"] if kept else 0
        return len(rows) - len(kept)

    def write_rollouts(self, stage: str, stage_step: int, rows: Iterable[Mapping[str, Any]]) -> Path | None:
        """Records one step's responses with their verdicts, and drops what `rollouts.keep` no longer allows.

        A row is a Response (`id, problem_id, text, finish_reason, tokens, seed`) with whatever the
        loop adds (`prompt, verdict, reward, detail`, token ids for a replay). Returns the file, or
        None where `rollouts.keep` is 0.
        """
        if self.keep_rollouts == 0:
            return None
        path = files.rollout_path(self.run_dir, stage, stage_step)
        files.write_rollout_file(path, (dict(row) for row in rows))
        if self.keep_rollouts is not None:
            for _, old in files.recorded_rollouts(self.run_dir, stage)[: -self.keep_rollouts]:
                old.unlink()
        return path

    def write_eval(
        self, stage: str, when: str | int, result: Mapping[str, Mapping[str, Any]], seconds: float | None = None
    ) -> Path:
        """Adds a held-out evaluation to `eval/<stage>.json`. `when`: "before", "after", or the stage step.

        `result` is by domain: {"avg_at_k", "k", "standard_error", "greedy", "greedy_standard_error",
        "problems", "length_mean", "truncated", "by_family"?, "by_problem"?}. `seconds` is how long it took, kept
        for the report under "seconds". Raises `RunError` for another `when`.
        """
        path = self.run_dir / "eval" / f"{stage}.json"
        whole = read_eval(self.run_dir, stage)
        if isinstance(when, int) and not isinstance(when, bool):
            whole.setdefault("steps", {})[str(when)] = dict(result)
        elif when in ("before", "after"):
            whole[when] = dict(result)
        else:
            raise RunError(f"an evaluation is made 'before', 'after' or at a stage step, not {when!r}")
        if seconds is not None:
            whole.setdefault("seconds", {})[str(when)] = seconds
        files.write_json(path, whole)
        return path

    def write_summary(
        self,
        status: str,
        wall_seconds: float,
        stages: Sequence[StageSummary],
        checkpoint: str | Path | None,
        error: str | None = None,
    ) -> Path:
        """Writes `summary.json`. `checkpoint` lies inside the run directory and is written relative to it.

        `error` is the message of a failed run and is left out where None. Raises `RunError` for a
        status or a domain that the contract does not know, or a checkpoint elsewhere.
        """
        if status not in STATUSES:
            raise RunError(f"status {status!r} of a run is not one of {', '.join(STATUSES)}")
        for stage in stages:
            if stage.domain not in STAGE_DOMAINS:
                raise RunError(f"stage {stage.name}: domain {stage.domain!r} is not one of {', '.join(STAGE_DOMAINS)}")
        summary: dict[str, Any] = {
            "status": status,
            "wall_seconds": wall_seconds,
            "stages": [_said(stage) for stage in stages],
            "checkpoint": None if checkpoint is None else _relative(self.run_dir, Path(checkpoint)),
        }
        if error is not None:
            summary["error"] = error
        path = self.run_dir / files.SUMMARY
        files.write_json(path, summary)
        return path


def _said(stage: StageSummary) -> dict[str, Any]:
    return {key: value for key, value in asdict(stage).items() if key != "problems" or value is not None}


def accuracies(result: Mapping[str, Mapping[str, Any]] | None) -> dict[str, float]:
    """avg@k by domain out of one evaluation, as summary.json has it."""
    found = {domain: values.get("avg_at_k") for domain, values in (result or {}).items()}
    return {domain: value for domain, value in found.items() if value is not None}


def _lock(run_dir: Path, timeout_s: float) -> IO[bytes]:
    """Takes the run directory's lock. The wait is for children of a killed run, which die a moment after it."""
    stream = open(run_dir / files.LOCK, "ab")
    deadline = time.monotonic() + timeout_s
    while not files.try_lock(stream):
        if time.monotonic() >= deadline:
            stream.close()
            raise InputError(f"{run_dir} is being written by another process; wait for it, or choose another run_dir")
        time.sleep(0.05)
    return stream


def _open_for_append(path: Path) -> IO[bytes]:
    """Opens metrics.jsonl at the end of its last complete line, so that a torn one is not written onto."""
    if path.exists():
        raw = path.read_bytes()
        whole = raw.rfind(b"\n") + 1
        if whole != len(raw):
            os.truncate(path, whole)
    return open(path, "ab")


def _cut_evaluation(file: Path, reached: int, again: bool) -> None:
    whole = files.read_json(file)
    steps = {step: result for step, result in whole.get("steps", {}).items() if int(step) <= reached}
    cut = {key: value for key, value in whole.items() if key != "steps" and not (key == "after" and again)}
    if steps:
        cut["steps"] = steps
    if "seconds" in cut:
        cut["seconds"] = {when: s for when, s in cut["seconds"].items() if when in cut or when in steps}
    if not cut or (reached == 0 and again):
        file.unlink()
    elif cut != whole:
        files.write_json(file, cut)


def _relative(run_dir: Path, checkpoint: Path) -> str:
    if not checkpoint.is_absolute():
        inside = (run_dir / checkpoint).exists() or not checkpoint.exists()
        if inside and ".." not in checkpoint.parts:
            return checkpoint.as_posix()
    try:
        return checkpoint.resolve().relative_to(run_dir.resolve()).as_posix()
    except ValueError:
        raise RunError(f"checkpoint {checkpoint} lies outside the run directory {run_dir}") from None
