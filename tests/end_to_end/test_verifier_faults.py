"""Verifier workers die in the middle of a real run: few cost nothing, and too many stop the run, not its rewards."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end import command
from tests.verifiers.processes import of_kind

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

WORKER = "acereason.verifiers.worker"
STEPS = 24
OTHERS = ("math_1", "math_2", "math_3", "math_4")
# enough SFT on programs that the code stage has some to judge; the math stages as short as they can be
WORDS = [
    *command.ONE_EACH,
    "seed=7",
    "data.sft_rows=480",
    "data.sft_code_fraction=0.95",
    "data.train_per_domain=24",
    "data.heldout_per_domain=1",
    "eval.samples_per_problem=1",
    "tracking.wandb.mode=disabled",
    "curriculum.stages.sft.steps=8",
    "curriculum.stages.sft.updates_per_step=30",
    *(f"curriculum.stages.{name}.{key}" for name in OTHERS
      for key in ("steps=1", "prompts_per_step=2", "group_size=2", "max_response_length=16")),
    f"curriculum.stages.code_1.steps={STEPS}",
    "curriculum.stages.code_1.prompts_per_step=8",
    "curriculum.stages.code_1.group_size=8",
]  # fmt: skip


def kill_workers(process: subprocess.Popen[str]) -> int:
    """kill -9 of every worker that there is now; how many."""
    killed = 0
    for pid in of_kind(WORKER, below=process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
            killed += 1
        except ProcessLookupError:
            continue
    return killed


def test_dead_workers_cost_a_retry_and_too_many_of_them_the_run(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    process = command.start("train", *WORDS, "run_dir=run", cwd=tmp_path)

    def code_rows() -> list[dict[str, float]]:
        return [row for row in command.metrics(run_dir) if row["stage"] == "code_1"]

    command.wait_for(lambda: len(code_rows()) >= 1, process, "the first code step")
    assert sum(row["verdict/no_answer"] for row in code_rows()) < len(code_rows()), "no program to judge"
    assert kill_workers(process) >= 1
    after = len(code_rows())
    command.wait_for(lambda: len(code_rows()) >= after + 3, process, "three more code steps")
    assert code_rows()[-1]["verifier/restarts"] >= 1
    assert all(row["verdict/infra_error"] == 0 for row in code_rows()[: after + 3])

    while process.poll() is None:  # none of them lives long enough to judge a program
        kill_workers(process)
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    assert process.returncode == 1
    printed = (tmp_path / "output.txt").read_text()
    assert "the verifiers failed on" in printed and "verifier.max_infra_error_share" in printed
    assert command.summary(run_dir)["status"] == "failed"
    failed = [row for rows in command.rollouts(run_dir).values() for row in rows if row["verdict"] == "infra_error"]
    assert failed and all(row["reward"] is None and row["advantage"] == 0 for row in failed)

    command.run("resume", "run", cwd=tmp_path)  # nothing was learned from the step that failed
    assert [row["stage_step"] for row in code_rows()] == list(range(1, STEPS + 1))
    assert all(row["verdict/infra_error"] == 0 for row in code_rows())
