"""A result that a new one does not cover is kept beside it, is said, and is no part of a folder's report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from results_made import result, sample

from acereason import cli
from eval.kept import is_kept
from eval.run_result import write_result

ONE, OTHER = "0123456789abcdef", "fedcba9876543210"


def made(problems: int, k: int, settings: str = ONE, **changes: Any) -> dict[str, Any]:
    return result({f"p{n}": 1 for n in range(problems)}, k=k, settings={"hash": settings}, **changes)


def read(path: Path) -> tuple[int, int, str, str]:
    raw = json.loads(path.read_text())
    return len(raw["problems"]), raw["k"], raw["settings"]["hash"], raw["answer_rule"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_more_of_the_same_replaces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "aime24.json"
    for problems, k in ((2, 1), (2, 1), (2, 4), (6, 4)):
        write_result(path, made(problems, k))
    assert names(tmp_path) == ["aime24.json"] and read(path)[:2] == (6, 4)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "later",
    [
        made(2, 1),
        made(6, 1),
        made(2, 8),
        made(6, 8, OTHER),
        made(6, 8, answer_rule="last_box"),
        made(6, 8, model="another"),
    ],
)
def test_what_is_not_covered_is_kept(tmp_path: Path, later: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    path, kept = tmp_path / "aime24.json", tmp_path / f"aime24.{ONE}.json"
    write_result(path, made(6, 2))
    before = path.read_bytes()
    write_result(path, later)
    assert names(tmp_path) == [kept.name, "aime24.json"] and kept.read_bytes() == before and is_kept(kept)
    assert json.loads(path.read_text()) == later
    (line,) = capsys.readouterr().out.splitlines()
    assert line == (
        f"kept: {path} held 6 problems with k 2 by answer rule after_thinking, which is now in aime24.{ONE}.json"
    )


def test_calls_that_alternate_leave_one_file_of_each(tmp_path: Path) -> None:
    path = tmp_path / "aime24.json"
    for _ in range(3):
        write_result(path, made(6, 2))
        write_result(path, made(2, 4))
        write_result(path, made(6, 2, OTHER))
    kept = [tmp_path / name for name in names(tmp_path) if name != "aime24.json"]
    assert sorted(read(file)[:3] for file in kept) == [(2, 4, ONE), (6, 2, ONE), (6, 2, OTHER)]
    assert read(path)[:3] == (6, 2, OTHER)


def test_what_has_no_verdict_replaces_nothing_and_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "aime24.json"
    failed = made(2, 3)
    failed["problems"][1]["samples"][1] = sample("infra_error")
    write_result(path, failed)
    write_result(path, made(2, 3))
    assert names(tmp_path) == ["aime24.json"]  # the failure was no part of it
    whole = path.read_bytes()
    write_result(path, failed)
    assert names(tmp_path) == [f"aime24.{ONE}.json", "aime24.json"]
    assert (tmp_path / f"aime24.{ONE}.json").read_bytes() == whole
    more = made(2, 4)  # as many verdicts as before, and one failure beside them
    more["problems"][0]["samples"][3] = sample("infra_error")
    write_result(path, more)
    assert json.loads(path.read_text()) == more and len(names(tmp_path)) == 2


def test_a_greedy_response_is_not_lost(tmp_path: Path) -> None:
    path, kept = tmp_path / "aime24.json", tmp_path / f"aime24.{ONE}.json"
    greedy, failed = made(2, 2), made(2, 2)
    greedy["problems"][0]["greedy"] = sample("correct")
    failed["problems"][0]["greedy"] = sample("infra_error")
    write_result(path, failed)
    write_result(path, made(2, 2))
    write_result(path, greedy)
    assert names(tmp_path) == ["aime24.json"]
    for later in (failed, made(2, 2)):
        write_result(path, later)
        assert names(tmp_path) == [kept.name, "aime24.json"] and json.loads(kept.read_text()) == greedy


def test_what_is_no_result_is_kept_too(tmp_path: Path) -> None:
    path = tmp_path / "aime24.json"
    path.write_text("notes of mine")
    write_result(path, made(2, 1))
    (kept,) = [name for name in names(tmp_path) if name != "aime24.json"]
    assert (tmp_path / kept).read_text() == "notes of mine"


def test_a_report_of_a_folder_passes_over_what_was_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "results"
    write_result(folder / "aime24.json", made(6, 2, model="before"))
    write_result(folder / "aime24.json", made(6, 2, OTHER, model="after"))
    capsys.readouterr()
    assert cli.main(["eval", "report", str(folder)]) == 0
    assert f"passed over: {folder / f'aime24.{ONE}.json'}, an earlier result" in capsys.readouterr().err
    read_back = json.loads((folder / "report" / "report.json").read_text())
    assert [entry["model"] for entry in read_back] == ["after"]
    both = [str(folder), str(folder / f"aime24.{ONE}.json"), "--out", str(tmp_path / "both")]
    assert cli.main(["eval", "report", *both]) == 0
    assert len(json.loads((tmp_path / "both" / "report.json").read_text())) == 2
