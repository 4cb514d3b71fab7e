"""The set's folder is replaced as a whole, by one command at a time, and what is no longer of it is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from acereason.errors import InputError
from data_pipeline import publish
from data_pipeline.folders import alone, put_in_place, replaced
from tests.data_pipeline.framework import made

FEWER = "policy.lengths.most_characters=200"


class Killed(BaseException):
    """Stands for the end of the process at this place."""


def dataset(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "out" / "dataset").iterdir())}


@pytest.fixture
def twice(tmp_path: Path) -> Path:
    """A folder with a finished set."""
    made.write(tmp_path)
    made.run(tmp_path)
    return tmp_path


@pytest.mark.parametrize("where", ["card", "copies"])
def test_what_ends_in_between_leaves_the_old_set(twice: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dataset(twice)

    def killed(*given: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(publish, "write_card", killed) if where == "card" else patch.setattr(
            publish.shutil, "copyfile", killed
        )
        with pytest.raises(Killed):
            made.run(twice, FEWER)
    assert dataset(twice) == before
    made.run(twice, FEWER)
    assert dataset(twice) != before
    assert not [path.name for path in (twice / "out").glob(".*") if path.name != ".lock"]


def test_an_end_between_the_two_renames_leaves_the_old_set(twice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dataset(twice)
    rename = os.replace

    def killed(source: Any, target: Any) -> None:
        if Path(target).name == "dataset":
            raise Killed
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(Killed):
            made.run(twice, FEWER)
    assert not (twice / "out" / "dataset").exists()
    made.run(twice, FEWER, "until=source")
    assert dataset(twice) == before
    made.run(twice, FEWER)
    assert dataset(twice) != before


def test_files_of_an_older_set_do_not_stay(tmp_path: Path) -> None:
    for name in ("set", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(name)
    put_in_place(tmp_path / "new", tmp_path / "set")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["new.txt"]
    assert not replaced(tmp_path / "set").exists() and not (tmp_path / "new").exists()


def test_nobody_else_publishes_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.write(tmp_path)
    write = publish.write_card

    def tried(*given: Any) -> None:
        with pytest.raises(InputError, match="another command is writing there"), alone(tmp_path / "out"):
            pass
        write(*given)

    monkeypatch.setattr(publish, "write_card", tried)
    made.run(tmp_path)
    assert (tmp_path / "out" / "dataset" / "README.md").is_file()


def test_a_set_of_other_settings_is_called_so(twice: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.run(twice, "until=screen")
    assert "earlier run" not in capsys.readouterr().err
    made.run(twice, "until=screen", FEWER)
    said = [line for line in capsys.readouterr().err.splitlines() if "earlier run" in line]
    assert len(said) == 1 and "duplicates: what it reads changed" in said[0] and "run without until=" in said[0]
    made.run(twice, FEWER, "stages=[duplicates,unique,problems]")
    assert "earlier run" not in capsys.readouterr().err


def test_a_ledger_that_is_not_there_is_named_before_anything_runs(tmp_path: Path) -> None:
    made.write(tmp_path)
    with pytest.raises(InputError, match="none: is no ledger of a teacher"):
        made.run(tmp_path, "teacher=replay", "teacher.ledger=none")
    assert not (tmp_path / "out" / "01_source").exists()
