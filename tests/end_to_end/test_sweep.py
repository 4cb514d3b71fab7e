"""A sweep whose launcher and cells are killed gives, cell by cell, what an undisturbed one without sharing gives."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from acereason.sweep.record import Cell, read_sweep
from acereason.sweep.sharing import savings
from acereason.sweep.states import states_of
from tests.end_to_end import command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FACTOR = "curriculum.stages.math_1.temperature"
WORDS = [
    *command.ONE_EACH,
    f"{FACTOR}=1.0,0.8", "seed=7", "launcher.slots=2", "tracking.wandb.mode=disabled",
    "data.sft_rows=96", "data.train_per_domain=24", "data.heldout_per_domain=3", "eval.samples_per_problem=2",
    "checkpoint.every_steps=1", "curriculum.stages.sft.steps=2", "curriculum.stages.sft.updates_per_step=3",
    "curriculum.stages.math_1.steps=6", "curriculum.stages.math_1.prompts_per_step=2",
    "curriculum.stages.math_1.group_size=3", "curriculum.stages.math_1.max_response_length=24",
    # no answer is right after so little training: a penalty by length gives every step advantages, hence an update
    "curriculum.stages.math_1.overlong.policy=soft", "curriculum.stages.math_1.overlong.buffer=20",
    *(f"~curriculum.stages.{name}" for name in ("math_2", "math_3", "code_1", "math_4")),
]  # fmt: skip


def cells(folder: Path) -> list[Cell]:
    return list(read_sweep(folder).cells)


def own_steps(cell: Cell) -> int:
    """Steps that the cell trained itself."""
    return sum(stage["steps"] for stage in command.summary(cell.run_dir)["stages"] if not stage["inherited_from"])


def kill_an_actor(cell: Cell) -> None:
    """Ends one of the processes that the cell's run consists of."""
    pid = cell.attempts[-1].pid
    assert pid is not None
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended on its own meanwhile
            if "ray::" in " ".join(child.cmdline()):
                child.send_signal(signal.SIGKILL)
                return
    raise AssertionError(f"process {pid} has no actor")


def test_disturbed_and_shared_equals_undisturbed_and_alone(tmp_path: Path) -> None:
    command.run("train", "-m", *WORDS, "run_dir=alone", "sweep.share=false", cwd=tmp_path)
    alone = {cell.id: cell for cell in cells(tmp_path / "alone")}

    shared = tmp_path / "shared"
    process = command.start("train", "-m", *WORDS, "run_dir=shared", cwd=tmp_path)

    def steps_of(place: int) -> int:
        found = cells(shared) if (shared / "sweep.json").exists() else []
        return len(command.metrics(found[place].run_dir)) if found else 0

    command.wait_for(lambda: steps_of(0) > 2, process, "the first cell's first RL step")
    kill_an_actor(cells(shared)[0])
    command.wait_for(lambda: steps_of(1) > 3, process, "the second cell's second own step")
    command.wait_for(lambda: cells(shared)[0].attempts[-1].exit_code is not None, process, "the first cell to fail")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(180)
    deadline = time.monotonic() + 60
    while command.processes_naming(str(shared / "cells")):
        assert time.monotonic() < deadline, "the cells did not die with their launcher"
        time.sleep(0.1)
    first, second = cells(shared)
    while (found := states_of(read_sweep(shared)))[second.id].state == "running":  # its actors end after it
        assert time.monotonic() < deadline, "what the second cell had started did not end with it"
        time.sleep(0.1)
    assert (found[first.id].state, found[second.id].state) == ("failed", "killed"), found
    assert "acereason: " in found[first.id].reason
    printed = command.run("sweep", "status", "shared", cwd=tmp_path)
    assert "failed" in printed and "killed" in printed

    printed = command.run("train", "-m", *WORDS, "run_dir=shared", cwd=tmp_path)
    assert "2 cells: 1 failed, 1 killed; 2 to be run" in printed
    assert printed.count(": resumed") == 2
    printed = command.run("train", "-m", *WORDS, "run_dir=shared", cwd=tmp_path)
    assert "2 cells: 2 completed; 0 to be run" in printed
    assert [len(cell.attempts) for cell in cells(shared)] == [2, 2]
    assert (shared / "report.html").exists()

    assert {cell.id for cell in cells(shared)} == set(alone)
    for cell in cells(shared):
        mine, theirs = cell.run_dir, alone[cell.id].run_dir
        assert command.without_clocks(command.metrics(mine)) == command.without_clocks(command.metrics(theirs))
        ends = [command.summary(run_dir) for run_dir in (mine, theirs)]
        assert [s["eval_after"] for s in ends[0]["stages"]] == [s["eval_after"] for s in ends[1]["stages"]]
        hashes = [command.weights_hash(run / end["checkpoint"]) for run, end in zip((mine, theirs), ends, strict=True)]
        assert hashes[0] == hashes[1]
    weights = {command.weights_hash(c.run_dir / command.summary(c.run_dir)["checkpoint"]) for c in cells(shared)}
    assert len(weights) == 2  # the factor acts

    predicted = sum(saving.steps for saving in savings(cells(shared)).values())
    saved = sum(own_steps(cell) for cell in alone.values()) - sum(own_steps(cell) for cell in cells(shared))
    assert saved == predicted == 2
