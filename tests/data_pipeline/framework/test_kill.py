"""kill -9 in any stage, then the same command again: the same bytes as a run that was never disturbed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.data_pipeline.framework import made
from tests.end_to_end import command


@pytest.mark.slow
def test_kill_in_every_stage(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        made.write(tmp_path / name, 1500)
    made.run(tmp_path / "whole")
    expected = made.content(tmp_path / "whole" / "out")
    stages = [*sorted(path.name for path in (tmp_path / "whole" / "out").glob("[0-9]*")), "dataset"]
    out = tmp_path / "killed" / "out"
    for stage in stages:
        process = command.start("data", "math", *made.words(), cwd=tmp_path / "killed")
        part = out / f".{stage}.part"
        command.wait_for(lambda part=part, stage=stage: part.exists() or (out / stage).exists(), process, stage)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    made.run(tmp_path / "killed")
    assert made.content(out) == expected
    assert not list(out.glob(".*.part"))
