"""The stages of a real run from a local file: kept, made anew, killed, damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acereason.errors import ConfigError, InputError
from acereason.problems import read_problems
from tests.data_pipeline.framework import made


def manifest(out: Path, stage: str) -> dict[str, object]:
    return dict(json.loads(next(out.glob(f"*_{stage}/manifest.json")).read_text()))


def test_from_a_local_file_to_a_training_file(tmp_path: Path) -> None:
    made.write(tmp_path)
    assert made.run(tmp_path, "policy.lengths.most_characters=200") == 0
    train = read_problems(tmp_path / "out" / "dataset" / "problems.jsonl")
    heldout = read_problems(tmp_path / "out" / "dataset" / "heldout.jsonl")
    assert len(heldout) == 4
    assert len(train) == 40 - 4 - 4  # every tenth is too long
    assert not {problem.prompt for problem in train} & {problem.prompt for problem in heldout}
    dropped = [json.loads(line) for line in next((tmp_path / "out").glob("*_screen/drops.jsonl")).open()]
    assert [(row["reason"], row["row"]) for row in dropped] == [
        ("lengths:statement_too_long", n) for n in (1, 11, 21, 31)
    ]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.write(tmp_path / name)
        made.run(tmp_path / name)
    first, second = (made.content(tmp_path / name / "out") for name in ("a", "b"))
    assert first == second


def test_what_is_there_is_kept_and_what_changed_is_made_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.write(tmp_path)
    made.run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/table.parquet")}
    capsys.readouterr()
    made.run(tmp_path, "policy.lengths.most_characters=30", "preview=true")
    said = {line.split()[0].split("_")[1]: line.split()[1] for line in capsys.readouterr().out.splitlines()}
    assert said["source"] == said["lengths"] == said["statements"] == "kept"
    assert said["screen"] == said["problems"] == "runs"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    made.run(tmp_path, "policy.lengths.most_characters=200")
    changed = {path.parent.name.split("_")[1] for path in before if path.stat().st_mtime_ns != before[path]}
    assert {"screen", "problems"} <= changed
    assert not changed & {"source", "lengths"}


def test_folders_of_another_graph_are_named_once_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.write(tmp_path)
    made.run(tmp_path)
    out = tmp_path / "out"
    (out / "screen").mkdir()
    old = out / "03_screen"
    old.mkdir()
    (old / "manifest.json").write_text("{}")
    (out / "04_mine").mkdir()  # no stage's: it has no manifest
    capsys.readouterr()
    made.run(tmp_path)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "earlier version" in line)
    assert "03_screen" in line and "04_mine" not in line and "lengths" not in line and old.is_dir()


def test_stages_until_and_redo(tmp_path: Path) -> None:
    made.write(tmp_path)
    out = tmp_path / "out"
    made.run(tmp_path, "until=lengths")
    assert not list(out.glob("*_screen"))
    with pytest.raises(InputError, match="problems: reads unique, which is not there"):
        made.run(tmp_path, "stages=[problems]")
    made.run(tmp_path, "stages=[statements,screen]")
    assert list(out.glob("*_screen")) and not list(out.glob("*_problems"))
    made.run(tmp_path)
    before = next(out.glob("*_lengths/table.parquet")).stat().st_mtime_ns
    made.run(tmp_path, "redo=lengths")
    assert next(out.glob("*_lengths/table.parquet")).stat().st_mtime_ns != before
    with pytest.raises(ConfigError, match="until=screne: no such stage; did you mean 'screen'"):
        made.run(tmp_path, "until=screne")


@pytest.mark.parametrize("how", ["cut", "edited", "gone"])
def test_a_damaged_table_is_named_with_the_remedy(tmp_path: Path, how: str) -> None:
    made.write(tmp_path)
    made.run(tmp_path)
    before = made.content(tmp_path / "out")
    table = next((tmp_path / "out").glob("*_source/table.parquet"))
    whole = table.read_bytes()
    if how == "gone":
        table.unlink()
    else:
        table.write_bytes(whole[:-100] if how == "cut" else whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(InputError, match=r"01_source/table\.parquet.*redo=source"):
        made.run(tmp_path)
    with pytest.raises(InputError, match=r"01_source/table\.parquet.*redo=source"):
        made.run(tmp_path, "stages=[screen]")  # it reads the damaged table
    made.run(tmp_path, "redo=source")
    assert made.content(tmp_path / "out") == before
