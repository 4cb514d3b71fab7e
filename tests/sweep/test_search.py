"""Ask and tell on functions whose optimum is known. No run is started here: the objective is computed on the spot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acereason.config.sweep_schema import SearchConfig
from acereason.errors import RunError
from acereason.sweep.search import JOURNAL, Study, Trial
from acereason.sweep.search_space import Choice, Interval, word

SPACE = {
    "x": Interval(-4.0, 4.0),
    "rate": Interval(1e-4, 1e-1, log=True),
    "size": Interval(4, 16, whole=True, step=4),
    "kind": Choice(("batch", "group")),
}
SETTINGS = SearchConfig(trials=40, direction="minimize")


def objective(trial: Trial) -> float:
    """A bowl around x = 1; the other parameters shift it."""
    x, size = float(trial.values["x"]), float(trial.values["size"])
    return (x - 1.0) ** 2 + abs(size - 8) / 8 + (0.5 if trial.values["kind"] == "group" else 0.0)


def run(folder: Path, count: int, settings: SearchConfig = SETTINGS) -> list[Trial]:
    study = Study(folder, SPACE, settings)
    while len(study.trials()) < count:
        trial = study.ask()
        study.tell(trial.number, objective(trial))
    return study.trials()


def test_it_finds_the_bottom_better_than_chance(tmp_path: Path) -> None:
    tpe = run(tmp_path / "tpe", 40)
    chance = run(tmp_path / "random", 40, SearchConfig(direction="minimize", sampler="random"))
    best = min(trial.value for trial in tpe if trial.value is not None)
    assert best < 0.1  # the bowl's bottom is 0, a point drawn at random lies at 6 on average
    late = [trial.value or 0.0 for trial in tpe[20:]]
    assert sum(late) / 20 < sum(trial.value or 0.0 for trial in chance) / 40 / 2
    assert len({trial.values["x"] for trial in tpe}) == 40, "no point is tried twice"


def test_every_value_lies_where_it_may(tmp_path: Path) -> None:
    for trial in run(tmp_path, 25):
        assert -4 <= float(trial.values["x"]) <= 4 and 1e-4 <= float(trial.values["rate"]) <= 1e-1
        assert trial.values["size"] in (4, 8, 12, 16) and isinstance(trial.values["size"], int)
        assert trial.values["kind"] in ("batch", "group")


@pytest.mark.parametrize("name", ["tpe", "random"])
def test_a_search_that_is_taken_up_again_is_the_one_never_interrupted(tmp_path: Path, name: str) -> None:
    settings = SearchConfig(direction="minimize", sampler=name, startup_trials=4)
    whole = run(tmp_path / "whole", 12, settings)
    for count in (3, 5, 6, 11, 12):  # a new object, as in a new process
        parts = run(tmp_path / "parts", count, settings)
    assert parts == whole
    other = run(tmp_path / "other", 12, SearchConfig(direction="minimize", sampler=name, seed=2))
    assert [trial.values for trial in other] != [trial.values for trial in whole]


def test_what_was_asked_and_not_told_is_pending_with_the_same_values(tmp_path: Path) -> None:
    study = Study(tmp_path, SPACE, SETTINGS)
    asked = [study.ask(), study.ask()]
    study.tell(asked[1].number, 3.0)
    again = Study(tmp_path, SPACE, SETTINGS)
    assert again.pending() == [asked[0]]
    again.tell(0, 1.0)
    assert again.pending() == [] and [trial.value for trial in again.trials()] == [1.0, 3.0]


def test_a_failed_trial_is_kept_as_failed_with_its_reason(tmp_path: Path) -> None:
    study = Study(tmp_path, SPACE, SETTINGS)
    study.tell_failed(study.ask().number, "ended with exit code 1")
    study.tell(study.ask().number, 2.0)
    study.tell(study.ask().number, 2.0)
    trials = Study(tmp_path, SPACE, SETTINGS).trials()
    assert [trial.state for trial in trials] == ["failed", "complete", "complete"]
    assert trials[0].reason == "ended with exit code 1" and trials[0].value is None
    best = study.best()
    assert best is not None and best.number == 1  # of equals the earlier one


def test_the_best_follows_the_direction(tmp_path: Path) -> None:
    study = Study(tmp_path, SPACE, SearchConfig(direction="maximize"))
    assert study.best() is None
    for value in (0.5, 0.75, 0.25):
        study.tell(study.ask().number, value)
    best = study.best()
    assert best is not None and best.value == 0.75


def test_a_journal_cut_at_any_byte_goes_on(tmp_path: Path) -> None:
    """What kill -9 can leave: a prefix. Whatever it is, what was told stays told and the same points are tried."""
    whole = run(tmp_path / "whole", 4)
    content = (tmp_path / "whole" / JOURNAL).read_bytes()
    for cut in range(0, len(content), max(1, len(content) // 37)):
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        (folder / JOURNAL).write_bytes(content[:cut])
        study = Study(folder, SPACE, SETTINGS)
        told = [trial for trial in study.trials() if trial.state == "complete"]
        assert told == whole[: len(told)]
        for trial in study.pending():
            study.tell(trial.number, objective(trial))
        assert run(folder, 4) == whole, cut


def test_a_damaged_journal_is_said_to_be(tmp_path: Path) -> None:
    run(tmp_path, 2)
    path = tmp_path / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"{nonsense\n", *lines[1:]]))
    with pytest.raises(RunError, match=r"study\.journal: is damaged"):
        Study(tmp_path, SPACE, SETTINGS)


def test_a_process_killed_while_it_held_the_lock_holds_nobody_up(tmp_path: Path) -> None:
    run(tmp_path, 1)
    program = (
        "import os, pathlib, signal, sys\n"
        "from acereason.sweep.search import _Lock\n"
        "_Lock(pathlib.Path(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / JOURNAL)], env=dict(os.environ), timeout=300)
    assert done.returncode == -9
    assert len(run(tmp_path, 3)) == 3


@given(st.one_of(st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_value_reads_back_from_its_word(value: float) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (override,) = OverridesParser.create().parse_overrides([word("key", value)])
    read = override.value()
    assert read == value and type(read) is type(value)
    assert json.loads(json.dumps(value)) == value
