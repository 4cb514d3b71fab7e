"""The grid: Hydra's sweep grammar, a run directory a cell, and what happens when a cell fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import acereason
from acereason import multirun
from acereason.errors import ConfigError, RunError

ROOT = Path(acereason.__file__).parent.parent


def test_the_grid_is_the_product_of_the_sweeps() -> None:
    grid = multirun.cells(["seed=1,2", "curriculum=tiny,two_steps", "name=a", "~curriculum.stages.code_1"])
    rest = ["name=a", "~curriculum.stages.code_1"]
    assert grid == [
        [seed, curriculum, *rest]
        for seed in ("seed=1", "seed=2")
        for curriculum in ("curriculum=tiny", "curriculum=two_steps")
    ]


def test_sweep_grammar_is_hydras() -> None:
    assert multirun.cells(["seed=range(1,4)"]) == [["seed=1"], ["seed=2"], ["seed=3"]]
    assert multirun.cells(["model=glob(t*)"]) == [["model=tiny"]]
    assert multirun.cells(["eval.every_steps=choice(5,10)"]) == [["eval.every_steps=5"], ["eval.every_steps=10"]]
    for word in ("seed=range(3,1)", "seed=glob(*)", "model=glob(zz*)"):
        with pytest.raises(ConfigError, match="matches no value"):
            multirun.cells([word])
    for word in ("cluster.engine.kv_cache_gib=interval(0,1)", "name=a,b"):
        with pytest.raises(ConfigError, match="cannot be swept"):
            multirun.cells([word])


def test_cells_run_in_sequence_and_failed_ones_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[list[str]] = []
    codes = [0, 1, 0]

    def one(words: list[str]) -> int:
        started.append(list(words))
        return codes[len(started) - 1]

    monkeypatch.setattr(multirun, "_run_one", one)
    with pytest.raises(RunError, match=r"1 of 3 cells failed: cell 1 \(seed=2\) ended with exit code 1"):
        multirun.run(["seed=1,2,3", "run_dir=grid"], tmp_path)
    assert [words[0] for words in started] == ["seed=1", "seed=2", "seed=3"]
    folders = [words[-1] for words in started]
    assert folders == [f'run_dir="{tmp_path}/grid/00{i}-seed-{i + 1}"' for i in range(3)]
    assert len({words[-2] for words in started}) == 3  # names differ
    assert list(tmp_path.iterdir()) == []  # the cells write, the grid does not


def test_ctrl_c_ends_the_grid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(multirun, "_run_one", lambda words: 130)
    assert multirun.run(["seed=1,2"], tmp_path) == 130


def test_a_cell_is_a_command_of_its_own(tmp_path: Path) -> None:
    assert multirun._run_one(["--cfg", "job"]) == 0
    assert multirun._run_one(["model=tinny"]) == 2


def test_a_cell_dies_with_the_command(tmp_path: Path) -> None:
    program, pid_file = tmp_path / "python", tmp_path / "pid"
    program.write_text(f'#!/bin/sh\necho $$ > "{pid_file}.part"\nmv "{pid_file}.part" "{pid_file}"\nexec sleep 600\n')
    program.chmod(0o755)
    code = f"import sys; from acereason import multirun; sys.executable = {str(program)!r}; multirun._run_one([])"
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        wait_for(pid_file.exists, "the cell to start")
        cell = int(pid_file.read_text())
        assert process_alive(cell)
    finally:
        parent.kill()
        parent.wait(timeout=30)
    wait_for(lambda: not process_alive(cell), "the cell to die with its parent")


def process_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_for(happened: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)
