"""A run as a job: submitit's local executor runs the same pickle that SLURM would."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from acereason.config.compose import compose_train
from acereason.config.paths import placed
from acereason.errors import ConfigError
from acereason.launch import submit
from tests.end_to_end import command
from tests.launch.test_nodes import FEW


def task_of(controller: int) -> int:
    """The process in which submitit runs the job."""
    found = psutil.Process(controller).children(recursive=True)
    return next(child.pid for child in found if "submitit.core._submit" in child.cmdline())


HERE = ["launcher=submitit", "launcher.system=local", "launcher.time_min=10"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_job_that_is_preempted_is_queued_again_and_goes_on(tmp_path: Path) -> None:
    words = [
        *FEW, *HERE, *command.ONE_EACH,
        "curriculum.stages.math_1.steps=40", "checkpoint.every_steps=1000", "name=job",
    ]  # fmt: skip
    config = placed(compose_train([*words, f"run_dir={tmp_path / 'job'}"]), tmp_path)
    job = submit.submit(config, words)
    deadline = time.monotonic() + 900
    while len(command.metrics(tmp_path / "job")) < 2:
        assert time.monotonic() < deadline and not job.done(), job.stderr()
        time.sleep(0.05)
    os.kill(task_of(int(job.job_id)), signal.SIGUSR2)  # the signal of a pre-emption
    assert submit.wait([("job", job)]) == 0
    summary = command.summary(tmp_path / "job")
    assert summary["status"] == "completed"
    assert [row["step"] for row in command.metrics(tmp_path / "job")] == list(range(1, 42))
    resumed = (tmp_path / "job" / "manifest.json").read_text()
    assert '"from_step"' in resumed  # it went on from the checkpoint that the signal asked for
    assert '"from_step": 0' not in resumed


def test_slurm_without_slurm_is_refused(tmp_path: Path) -> None:
    config = placed(compose_train(["launcher=submitit", f"run_dir={tmp_path / 'job'}"]), tmp_path)
    with pytest.raises(ConfigError, match="no sbatch"):
        submit.submit(config, [])


def test_what_slurm_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sbatch file, with a stand-in for sbatch itself (there is no SLURM to ask)."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name in ("sbatch", "srun"):
        (bin_dir / name).write_text(
            '#!/bin/sh\ncp "$1" ' + str(tmp_path / "sent.sh") + "\necho Submitted batch job 7\n"
        )
        (bin_dir / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}:/usr/bin:/bin")
    words = [
        "launcher=submitit", "launcher.partition=batch", "launcher.time_min=90", "launcher.account=lab",
        "cluster.nodes=16", "cluster.devices_per_node=8", "cluster.device=cuda", "launcher.setup=[module load cuda]",
    ]  # fmt: skip
    config = placed(compose_train([*words, f"run_dir={tmp_path / 'job'}"]), tmp_path)
    submit.submit(config, words)
    sent = (tmp_path / "sent.sh").read_text()
    for line in ("--nodes=16", "--gpus-per-node=8", "--ntasks-per-node=1", "--time=90", "--partition=batch",
                 "--account=lab", "--signal=USR2@300", "--requeue", "module load cuda"):  # fmt: skip
        assert line in sent, line
