"""W&B's client online, against a stand-in for its server on this machine: `wandb_stand_in.py` says what that is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from acereason.tracking.record import RunRecord, read_metrics

from .wandb_stand_in import StandIn

# A run as far as W&B sees it: rows into metrics.jsonl, each mirrored. `last` steps; waits at the end where told so.
PROGRAM = """
import pathlib, sys, time
from acereason.config.schema import WandbConfig
from acereason.tracking.record import RunRecord
from acereason.tracking.wandb_mirror import WandbMirror
run_dir, first, last, stay = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "stay"
config = WandbConfig("online", "acereason", "me", "grid", ("a",), name="lr=0.1", id="cell-1")
with RunRecord(run_dir) as record:
    if first > 1:
        record.truncate_after(first - 1)
    begun = time.monotonic()
    mirror = WandbMirror(config, run_dir, "n", {"seed": 1}, resume=first > 1, job_type="sft-math")
    for n in range(first, last + 1):
        mirror.log(record.log_step({"step": n, "stage": "m", "stage_step": n, "wall_s": n / 7, "reward/mean": 1 / n}))
    print("logged", flush=True)
    if stay:
        time.sleep(600)
    print("finished", mirror.finish(float(sys.argv[5])), flush=True)
"""


def start(server: StandIn, place: Path, *words: Any) -> subprocess.Popen[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    command = [sys.executable, "-c", PROGRAM, str(place / "run"), *map(str, words)]
    environment = clean | server.environment(str(place))
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_reaches_the_server_and_goes_on_there_after_a_kill(tmp_path: Path) -> None:
    with StandIn() as server:
        killed = start(server, tmp_path, 1, 40, "stay", 0)
        assert killed.stdout is not None and killed.stdout.readline() == "logged\n"
        until = time.monotonic() + 60
        while not server.runs and time.monotonic() < until:
            time.sleep(0.1)
        os.kill(killed.pid, signal.SIGKILL)  # what the server has by now are some of its steps, or none
        killed.communicate(timeout=30)
        # The checkpoint was of step 30: steps 31 to 40 are made again, in another process; then all once more.
        for first, last in ((31, 50), (46, 60)):
            printed, said = start(server, tmp_path, first, last, "go", 150).communicate(timeout=800)
            assert "finished True" in printed, said
            assert list(server.history("cell-1")) == list(range(1, last + 1))
        told = server.history("cell-1")
        assert told == {row["step"]: {k: v for k, v in row.items() if k != "step"} for row in recorded(tmp_path)}
        run = server.runs["cell-1"]
        assert (run["groupName"], run["displayName"], run["jobType"]) == ("grid", "lr=0.1", "sft-math")
        assert run["tags"] == ["a"] and '"seed"' in run["config"] and list(server.runs) == ["cell-1"]
        assert server.complete["cell-1"] and len(server.lines["cell-1"]) == 60, "a step was sent twice"


def recorded(place: Path) -> list[dict[str, Any]]:
    return read_metrics(place / "run")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["error", "nonsense", "hang"])
def test_a_server_that_misbehaves_holds_nothing_up(fault: str, tmp_path: Path) -> None:
    with StandIn(fault) as server:
        process = start(server, tmp_path, 1, 20, "go", 4)
        assert process.stdout is not None and process.stdout.readline() == "logged\n", "the loop was held up"
        printed, said = process.communicate(timeout=800)
        assert process.returncode == 0 and "finished False" in printed, said
        assert "wandb failed to" in said and "metrics.jsonl remains its record" in said
    assert [row["step"] for row in recorded(tmp_path)] == list(range(1, 21))
    with RunRecord(tmp_path / "run"):
        pass  # free again
