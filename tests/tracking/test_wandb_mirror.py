"""The W&B mirror: the same numbers as metrics.jsonl, and never in the way of the run."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from acereason.config.schema import WandbConfig
from acereason.tracking import wandb_mirror
from acereason.tracking.files import read_metrics
from acereason.tracking.record import RunRecord
from acereason.tracking.wandb_mirror import WandbMirror, history

from .synthetic import write_run

OFFLINE = WandbConfig(mode="offline", project="acereason", entity=None, group="seeds", tags=("tiny", "test"))


class SlowRun:
    """Stands where wandb's run object would, and does what a bad network makes it do."""

    def __init__(self, fault: str) -> None:
        self.fault, self.released, self.logged = fault, threading.Event(), 0

    def log(self, metrics: dict[str, Any], step: int) -> None:
        self.logged += 1
        if self.fault == "raise":
            raise ConnectionError("no route to host")
        if self.fault == "hang":
            self.released.wait(60)

    def finish(self, exit_code: int) -> None:
        self.log({}, 0)


def _rows(count: int) -> list[dict[str, Any]]:
    return [
        {"step": n, "stage": "m", "stage_step": n, "wall_s": 0.5 * n, "reward/mean": n / 7} for n in range(1, count + 1)
    ]


@pytest.mark.parametrize("fault", ["start", "raise", "hang"])
def test_no_fault_of_wandb_reaches_the_run(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = SlowRun(fault)

    def start(self: WandbMirror) -> SlowRun:
        if fault == "start":
            raise SystemExit("wandb says no")
        return run

    monkeypatch.setattr(WandbMirror, "_start", start)
    with caplog.at_level(logging.WARNING):
        mirror = WandbMirror(OFFLINE, tmp_path, "n", {})
        for row in _rows(20):
            mirror.log(row)
        started = time.monotonic()
        assert mirror.finish(deadline_s=0.3) is False
        assert time.monotonic() - started < 30  # the deadline, not the 60 s of the hanging call
    assert mirror.failures >= 1
    assert sum("wandb failed to" in message for message in caplog.messages) == 1
    run.released.set()


def test_rows_beyond_the_queue_are_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = SlowRun("hang")
    monkeypatch.setattr(wandb_mirror, "_QUEUE", 5)
    monkeypatch.setattr(WandbMirror, "_start", lambda self: run)
    mirror = WandbMirror(OFFLINE, tmp_path, "n", {})
    for row in _rows(20):
        mirror.log(row)
    assert mirror.failures >= 14  # one row may be in wandb's hands, five in the queue
    run.released.set()


def test_disabled_does_nothing(tmp_path: Path) -> None:
    before = threading.active_count()
    mirror = WandbMirror(dataclasses.replace(OFFLINE, mode="disabled"), tmp_path, "n", {})
    mirror.log(_rows(1)[0])
    assert threading.active_count() == before and mirror.finish() and list(tmp_path.iterdir()) == []


def test_history_is_the_metrics_and_the_evaluations(tmp_path: Path) -> None:
    write_run(tmp_path)
    told = dict(history(tmp_path))
    assert list(told) == sorted(told) and list(told) == list(range(0, 221))
    assert told[0] == {key: value for key, value in told[0].items() if key.startswith("eval/")}
    assert told[40]["eval/math/avg_at_k"] == 0.55  # after sft, which is before the first math stage
    assert told[40 + 15 + 20 + 25]["eval/math/avg_at_k"] == 0.72  # in the middle of math_176
    assert told[220]["eval/code/avg_at_k"] == 0.83


def _inspect(folder: Path, *flags: str) -> str:
    command = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", *flags, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


def _told(folder: Path) -> dict[int, dict[str, Any]]:
    steps = {}
    for line in _inspect(folder).splitlines():
        record = json.loads(line)
        if record["type"] == "history":
            item = record["history"]
            values = item.get("item", item)
            steps[int(values.get("_step", item.get("step")))] = {
                k: v for k, v in values.items() if not k.startswith("_")
            }
    return steps


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "step" and value is not None}


@pytest.mark.slow
def test_an_offline_run_reads_back_and_goes_on_after_a_resume(tmp_path: Path) -> None:
    evaluation = {"math": {"avg_at_k": 0.5, "k": 4, "by_family": {"gcd": 0.1}}}
    with RunRecord(tmp_path) as record:
        mirror = WandbMirror(OFFLINE, tmp_path, "a name", {"model": {"num_layers": 4}, "tags": ("x",)})
        for row in _rows(30):
            mirror.log(record.log_step(row))
        mirror.log_eval(30, evaluation)
        assert mirror.finish(60.0) and mirror.failures == 0
        first = next((tmp_path / "wandb").glob("offline-run-*"))
        told = _told(first)
        assert told.pop(30) == _plain(_rows(30)[29]) | {"eval/math/avg_at_k": 0.5, "eval/math/k": 4}
        assert told == {row["step"]: _plain(row) for row in read_metrics(tmp_path)[:29]}
        summary = json.loads(_inspect(first, "--summary"))
        assert summary["name"] == "a name" and summary["tags"] == ["tiny", "test"] and summary["project"] == "acereason"
        assert summary["config"] == {"model": {"num_layers": 4}, "tags": ["x"]} and summary["state"] == "finished"
        record.truncate_after(25)
        time.sleep(1.1)  # wandb names folders by the second
        mirror = WandbMirror(OFFLINE, tmp_path, "a name", {}, resume=True)
        for row in _rows(40)[25:]:
            mirror.log(record.log_step(row))
        assert mirror.finish(60.0)
    second = sorted((tmp_path / "wandb").glob("offline-run-*"))[-1]
    assert second != first and second.name.split("-")[-1] == first.name.split("-")[-1]  # one id
    assert _told(second) == {row["step"]: _plain(row) for row in read_metrics(tmp_path)}
    assert len(_told(second)) == 40


@pytest.mark.slow
def test_online_without_a_network_does_not_hold_up_the_run(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib, os\n"
        "from acereason.config.schema import WandbConfig; from acereason.tracking.wandb_mirror import WandbMirror\n"
        "m = WandbMirror(WandbConfig('online', 'p', None, None, ()), pathlib.Path(sys.argv[1]), 'n', {})\n"
        "for n in range(1, 6): m.log({'step': n, 'stage': 'm', 'stage_step': n, 'wall_s': n})\n"
        "print('finished', m.finish(3.0), flush=True)\n"
    )
    outer = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    environment = dict(outer, WANDB_API_KEY="0" * 40, WANDB_BASE_URL="http://127.0.0.1:9", HOME=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "finished False" in done.stdout


@pytest.mark.slow
def test_killing_the_run_leaves_no_process_behind(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib\n"
        "from acereason.config.schema import WandbConfig; from acereason.tracking.wandb_mirror import WandbMirror\n"
        "m = WandbMirror(WandbConfig('offline', 'p', None, None, ()), pathlib.Path(sys.argv[1]), 'n', {})\n"
        "m.log({'step': 1, 'stage': 'm', 'stage_step': 1, 'wall_s': 1})\n"
        "while not m._queue.empty(): time.sleep(0.05)\n"
        "time.sleep(1); print('up', flush=True); time.sleep(600)\n"
    )
    # WANDB_SERVICE of this process would make the child use a wandb process that is not its own.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    command = [sys.executable, "-c", program, str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert child.stdout is not None and child.stdout.readline() == b"up\n"
    started = _descendants(child.pid)
    assert started  # wandb's own process
    os.kill(child.pid, signal.SIGKILL)
    child.wait(180)
    child.stdout.close()
    until = time.monotonic() + 60
    while started & _living() and time.monotonic() < until:
        time.sleep(0.2)
    assert not started & _living()


def _processes() -> dict[tuple[int, str], int]:
    """(process id, start time) of every living process, and its parent."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found[int(stat.parent.name), fields[19]] = int(fields[1])
    return found


def _living() -> set[tuple[int, str]]:
    return set(_processes())


def _descendants(parent: int) -> set[tuple[int, str]]:
    processes, found, families = _processes(), set(), {parent}
    while new := {key for key, above in processes.items() if above in families and key not in found}:
        found |= new
        families |= {pid for pid, _ in new}
    return found
