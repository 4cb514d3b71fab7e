"""The engine over stand-ins for runs: each cell once, what is missing and nothing else, whatever was killed before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from acereason.errors import ConfigError, InputError, RunError
from acereason.sweep.record import ATTEMPTS, is_sweep, read_sweep
from acereason.sweep.run import run
from acereason.sweep.states import states_of
from tests.end_to_end.command import ROOT, processes_naming
from tests.sweep import standin

SWEEP = ["seed=1,2,3", f"{standin.LEVEL}=5,6,7,8", "run_dir=grid", "launcher.slots=2", "sweep.share=false"]
ALL = {f"{seed} {level}" for seed in (1, 2, 3) for level in (5, 6, 7, 8)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "executable", standin.make(tmp_path))
    return tmp_path


def states(folder: Path) -> dict[str, str]:
    """`SEED LEVEL` -> state."""
    sweep = read_sweep(folder / "grid")
    found = states_of(sweep)
    return {f"{cell.seed} {cell.levels[standin.LEVEL]}": found[cell.id].state for cell in sweep.cells}


def control(folder: Path, *names: str) -> list[Path]:
    paths = [folder / "control" / name for name in names]
    for path in paths:
        path.touch()
    return paths


def wait_for(happened: Callable[[], bool], what: str, seconds: float = 600.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def launcher(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """The same call in a process of its own, in which the stand-in is the interpreter of the cells."""
    code = (
        "import sys; from pathlib import Path; from acereason.cli import main\n"
        f"sys.executable = {str(folder / 'python')!r}\n"
        f"sys.exit(main(['train', '-m', *{[*SWEEP, *words]!r}]))"
    )
    return subprocess.Popen([_python(), "-c", code], cwd=folder,
                            env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=open(folder / "said", "w"),
                            stderr=subprocess.STDOUT)  # fmt: skip


def _python() -> str:
    return str(Path(sys.prefix) / "bin" / "python")


def test_a_killed_launcher_failing_cells_and_what_is_missing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    control(place, "fail 1 6", "fail 1 8")
    held = control(place, "hold 2 6", "hold 2 7")
    process = launcher(place)
    wait_for(lambda: is_sweep(place / "grid") and states(place).get("2 7") == "running", "the second held cell")
    wait_for(lambda: states(place)["2 5"] == "completed", "the cell before them")
    saved = (place / "grid" / "cells").glob
    wait_for(lambda: len(list(saved("*/checkpoints/sft/step_000001"))) == 5, "the checkpoints of both held cells")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(180)
    wait_for(lambda: not processes_naming(str(place / "grid" / "cells")), "the cells to die with their launcher")
    found = states(place)
    assert {key for key, state in found.items() if state == "completed"} == {"1 5", "1 7", "2 5"}
    assert {key for key, state in found.items() if state == "failed"} == {"1 6", "1 8"}
    assert {key for key, state in found.items() if state == "killed"} == {"2 6", "2 7"}
    assert {key for key, state in found.items() if state == "new"} == {"2 8", "3 5", "3 6", "3 7", "3 8"}
    standin.starts(place)

    for path in held:
        path.unlink()
    control(place, "fail 3 5")
    with pytest.raises(RunError) as failed:
        run(SWEEP, place)
    assert standin.starts(place) == sorted(
        [f"train {key}" for key in ("1 6", "1 8", "2 8", "3 5", "3 6", "3 7", "3 8")] + ["resume 2 6", "resume 2 7"]
    )
    said = str(failed.value)
    assert said.startswith("1 of 12 cells failed")
    assert "exit code 1: acereason: made to fail at 3 5; its output: " in said
    assert list((place / "grid" / "cells").glob("*.before-1"))  # what the failed ones had left, kept

    assert run(SWEEP, place) == 0
    assert standin.starts(place) == ["train 3 5"]
    assert run(SWEEP, place) == 0
    assert standin.starts(place) == []
    assert set(states(place)) == ALL and set(states(place).values()) == {"completed"}
    capsys.readouterr()
    assert run([*SWEEP, "sweep.preview=true"], place) == 0
    assert "nothing is left to be run" in capsys.readouterr().out

    assert run([word.replace("seed=1,2,3", "seed=3,4") for word in SWEEP], place) == 0
    assert standin.starts(place) == [f"train 4 {level}" for level in (5, 6, 7, 8)]
    assert run([word.replace("5,6,7,8", "8,9") for word in SWEEP], place) == 0
    assert standin.starts(place) == [f"train {seed} 9" for seed in (1, 2, 3)]
    sweep = read_sweep(place / "grid")
    assert (sweep.seeds, sweep.factors[0].levels) == ((1, 2, 3, 4), ("5", "6", "7", "8", "9"))
    assert sweep.baseline == {standin.LEVEL: "5"}  # that with which it was begun
    assert sweep.cells[-1].differs == {standin.LEVEL: (5, 8)}


def test_stale_cells_are_shown_and_not_taken_for_done(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["seed=1,2", *SWEEP[2:], f"{standin.LEVEL}=5,6"]
    assert run(words, place) == 0
    standin.starts(place)
    path = place / "grid" / ATTEMPTS
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    first = rows[0]["cell"]
    for row in rows:
        if row["cell"] == first and "code_hash" in row:
            row["code_hash"] = "0" * 64
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert sorted(states(place).values()) == ["completed"] * 3 + ["stale"]
    with pytest.raises(ConfigError, match=r"1 completed cells .* are stale(.|\n)*code 00000000 -> "):
        run(words, place)
    capsys.readouterr()
    assert run([*words, "sweep.stale=keep"], place) == 0
    assert "is stale: code 00000000" in capsys.readouterr().out
    assert standin.starts(place) == []
    assert run([*words, "sweep.stale=rerun"], place) == 0
    assert standin.starts(place) == ["train 1 5"]
    assert set(states(place).values()) == {"completed"}
    assert (place / "grid" / "cells" / f"{first[:10]}.before-1" / "summary.json").exists()


def test_duplicates_are_one_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["seed=1", f"{standin.LEVEL}=5", "data.seed=null,1", "tracking.live=true,false", *SWEEP[2:]]
    assert run(words, place) == 0
    assert standin.starts(place) == ["train 1 5", "train 1 5"]  # four points, two configurations
    assert "is one run for data.seed=null, tracking.live=false as well" in capsys.readouterr().out
    (first, second) = read_sweep(place / "grid").cells
    assert first.also == ({"data.seed": "null", "tracking.live": "false"},)
    assert second.differs == {"data.seed": (None, 1)}


def test_retries_budgets_and_refusals(place: Path) -> None:
    words = ["seed=1", f"{standin.LEVEL}=5,6", *SWEEP[2:]]
    for budget in ("sweep.budget_hours=0.01", "sweep.budget_gpu_hours=0.01"):
        if "gpu" not in budget:  # the laptop has none
            with pytest.raises(ConfigError, match="predicted to take"):
                run([*words, budget], place)
            with pytest.raises(ConfigError, match="predicted to take"):
                run([*words, budget, "sweep.preview=true"], place)
    with pytest.raises(ConfigError, match=r"1 of 2 cells cannot run; nothing was started\ncell .*top_p=2"):
        run(["seed=1", "curriculum.stages.math_1.top_p=1.0,2.0", *SWEEP[2:]], place)
    with pytest.raises(ConfigError, match="sweep.stale=maybe"):
        run([*words, "sweep.stale=maybe"], place)
    assert not (place / "grid" / "cells").exists()
    control(place, "fail 1 5")
    assert run([*words, "sweep.retries=1"], place) == 0
    assert standin.starts(place) == ["train 1 5", "train 1 5", "train 1 6"]
    with pytest.raises(ConfigError, match="holds a sweep over eval.every_steps, and this one is over data.seed"):
        run(["data.seed=1,2", *SWEEP[2:]], place)


def test_another_configuration_at_the_same_point_supersedes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["seed=1", f"{standin.LEVEL}=5,6", *SWEEP[2:]]
    assert run(words, place) == 0
    before = {cell.id for cell in read_sweep(place / "grid").cells}
    capsys.readouterr()
    assert run([*words, "data.seed=8"], place) == 0
    assert "2 earlier cells are no part of the sweep any more" in capsys.readouterr().out
    sweep = read_sweep(place / "grid")
    assert set(sweep.superseded) == before and len(sweep.cells) == 2
    standin.starts(place)
    assert run(words, place) == 0
    assert standin.starts(place) == []  # the first ones are still there, and are what is asked for again
    assert {cell.id for cell in read_sweep(place / "grid").cells} == before


def test_two_launchers_and_ctrl_c(place: Path) -> None:
    held = control(place, "hold 1 5", "hold 1 6")
    process = launcher(place)
    wait_for(lambda: is_sweep(place / "grid") and states(place).get("1 6") == "running", "the held cells")
    with pytest.raises(InputError, match=f"process {process.pid}"):
        run(SWEEP, place)
    process.send_signal(signal.SIGINT)  # the stand-in ends by it at once, as Python does
    assert process.wait(180) == 130
    for path in held:
        path.unlink()
    assert {states(place)[key] for key in ("1 5", "1 6")} == {"killed"}
    assert {states(place)[key] for key in ALL - {"1 5", "1 6"}} == {"new"}
    standin.starts(place)
    assert run(SWEEP, place) == 0
    assert set(standin.starts(place)) == {f"train {key}" for key in ALL - {"1 5", "1 6"}} | {"resume 1 5", "resume 1 6"}


def test_a_cell_waits_for_the_stages_of_another(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The level changes no weight, so cells of one seed have all stages in common; the stand-in notes none of them."""
    words = ["seed=1,2", f"{standin.LEVEL}=5,6", "run_dir=grid", "launcher.slots=4"]
    assert run(words, place) == 0
    printed = capsys.readouterr().out
    assert printed.count("waits for stage math_4 of ") == 2
    rows = [json.loads(line) for line in (place / "grid" / ATTEMPTS).read_text().splitlines()]
    began = [row["cell"] for row in rows if row["event"] == "started"]
    cells = read_sweep(place / "grid").cells
    assert set(began[:2]) == {cell.id for cell in cells if cell.levels[standin.LEVEL] == "5"}

    (held,) = control(place, "hold 3 5")
    process = launcher(place, "seed=3", "sweep.share=true", "sweep.share_wait_s=1")
    wait_for(lambda: states(place).get("3 6") == "completed", "the cell that waits no longer")
    assert states(place)["3 5"] == "running"
    held.unlink()
    assert process.wait(180) == 0
    assert "has waited sweep.share_wait_s=1" in (place / "said").read_text()


def test_hydras_way_to_the_launcher(place: Path) -> None:
    from hydra.core.utils import JobStatus
    from omegaconf import OmegaConf

    from hydra_plugins.acereason_launcher.launcher import AcereasonLauncher

    made = AcereasonLauncher()
    config = OmegaConf.create({"launcher": {"executor": "local"}, "hydra": {"sweep": {"dir": str(place / "grid")}}})
    made.setup(hydra_context=None, task_function=None, config=config)  # type: ignore[arg-type]
    jobs = [["seed=4", f"{standin.LEVEL}=5"], ["seed=4", f"{standin.LEVEL}=6"], ["seed=4", f"{standin.LEVEL}=-1"]]
    control(place, "fail 4 6")
    done = made.launch(jobs, 0)
    assert [job.status for job in done] == [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.FAILED]
    assert standin.starts(place) == ["train 4 5", "train 4 6"]
    assert [job.status for job in made.launch(jobs[:2], 3)] == [JobStatus.COMPLETED] * 2
    assert standin.starts(place) == ["train 4 6"]
