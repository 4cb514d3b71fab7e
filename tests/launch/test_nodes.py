"""Two nodes of one job, here as two processes of one machine, each with a Ray node of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end import command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FEW = [
    "seed=3", "curriculum=two_steps", "data.train_per_domain=16", "data.heldout_per_domain=2", "data.sft_rows=1",
    "eval.samples_per_problem=1", "curriculum.stages.math_1.steps=1", "curriculum.stages.code_1.steps=1",
    "curriculum.max_prompt_length=128", "curriculum.stages.math_1.max_response_length=32",
    "curriculum.stages.code_1.max_response_length=32",
]  # fmt: skip


def node(rank: int, folder: Path, words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(command.ROOT / "scripts" / "by_hand.sh"), *words],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(command.ROOT),
            "PYTHON": sys.executable,
            "RANK": str(rank),
            "NODES": "2",
            "MEETING": str(folder / "meeting"),
            "RUN_DIR": str(folder / "run"),
            "CPUS": "2",
            "NODE_ADDRESS": "127.0.0.1",
        },
        stdout=open(folder / f"node-{rank}.txt", "ab"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def test_a_run_over_two_nodes_that_is_killed_and_queued_again(tmp_path: Path) -> None:
    members = [node(rank, tmp_path, FEW) for rank in (0, 1)]
    metrics = tmp_path / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 900
    while not (metrics.exists() and metrics.read_text().count("\n")):
        assert time.monotonic() < deadline and members[0].poll() is None, (tmp_path / "node-0.txt").read_text()[-3000:]
        time.sleep(0.1)
    for member in members:  # the whole job is gone, as when SLURM takes its nodes
        os.killpg(member.pid, signal.SIGKILL)
        member.wait(180)

    members = [node(rank, tmp_path, FEW) for rank in (0, 1)]  # queued again: the same job
    codes = [member.wait(900) for member in members]
    assert codes == [0, 0], (tmp_path / "node-0.txt").read_text()[-3000:]
    summary = command.summary(tmp_path / "run")
    assert summary["status"] == "completed"
    assert [row["step"] for row in command.metrics(tmp_path / "run")] == [1, 2]
    logs = sorted(path.name for path in (tmp_path / "run" / "logs").iterdir())
    assert {"engine_0.log", "engine_1.log", "trainer_rank_0.log", "trainer_rank_1.log"} <= set(logs)
    assert len(json.loads((tmp_path / "meeting" / "head.json").read_text())["token"]) == 64
    assert (tmp_path / "meeting" / "head.json").stat().st_mode & 0o077 == 0
    deadline = time.monotonic() + 20
    while left := command.processes_naming(str(tmp_path)):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)
