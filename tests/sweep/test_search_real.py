"""A search of real runs: Megatron-Core, vLLM and the verifiers, as short as they can be."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import command

LR = "curriculum.stages.math_1.optimizer.lr"
SEARCH = [
    "train", "-m", "name=look", "seed=7", "sweep.search.trials=2", "sweep.search.metric=policy/grad_norm",
    f"{LR}=tag(log,interval(1e-5,1e-3))", "data.sft_rows=64", "data.train_per_domain=16", "data.heldout_per_domain=1",
    "eval.samples_per_problem=1", "tracking.wandb.mode=disabled", "curriculum.stages.sft.steps=1",
    "curriculum.stages.sft.updates_per_step=2", "curriculum.stages.math_1.steps=2",
    "curriculum.stages.math_1.prompts_per_step=2", "curriculum.stages.math_1.group_size=2", "checkpoint.every_steps=1",
    "curriculum.stages.math_1.overlong.policy=soft", "curriculum.stages.math_1.overlong.buffer=60",
    *command.ONE_EACH,
    *(f"~curriculum.stages.{name}" for name in ("math_2", "math_3", "code_1", "math_4")),
]  # fmt: skip


def trials(folder: Path) -> list[dict[str, Any]]:
    path = folder / "search.json"
    found: list[dict[str, Any]] = json.loads(path.read_text())["trials"] if path.exists() else []
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_search_that_is_killed_goes_on_with_the_run_that_it_had_begun(tmp_path: Path) -> None:
    folder = tmp_path / "runs/look"
    first = folder / "cells/000"
    process = command.start(*SEARCH, cwd=tmp_path)
    command.wait_for(lambda: len(command.metrics(first)) >= 2, process, "the first step of RL")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(180)
    printed = command.run(*SEARCH, cwd=tmp_path)
    assert "1 of 2 trials were begun before, 1 of them not ended" in printed and "trial 0 goes on" in printed
    rows = trials(folder)
    assert [row["state"] for row in rows] == ["complete", "complete"]
    rates = [row["values"][LR] for row in rows]
    for number, rate in enumerate(rates):
        run_dir = folder / f"cells/{number:03d}"
        assert command.summary(run_dir)["status"] == "completed"
        steps = command.metrics(run_dir)
        assert [row["step"] for row in steps] == [1, 2, 3]
        assert {row["policy/lr"] for row in steps[1:]} == {rate}
        last = [row["policy/grad_norm"] for row in steps]
        assert rows[number]["value"] == pytest.approx(sum(last) / len(last))
    assert rates[0] != rates[1] and all(1e-5 <= rate <= 1e-3 for rate in rates)
    # the fine-tuning before the stage that is searched was trained once
    inherited = [stage["inherited_from"] for stage in command.summary(folder / "cells/001")["stages"]]
    assert inherited[0] is not None and inherited[1] is None
    again = command.run(*SEARCH, cwd=tmp_path)
    assert "2 of 2 trials were begun before, 0 of them not ended" in again and "trial 0 goes on" not in again
    assert trials(folder) == rows and not command.processes_naming(str(folder))
