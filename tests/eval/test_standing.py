"""Results of a part of a benchmark, or off the papers' protocol, are marked; ratings have their place in table 2."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from results_made import result

from acereason import cli
from acereason.errors import InputError
from eval.paper_matrix import matrices
from eval.paper_tables import beside
from eval.report import write_report
from eval.result_file import Coverage, ResultFile, parse_result, read_result, write_result
from eval.standing import Footnotes, coverage_of, departures
from eval.summary import summarise

PROTOCOL = {"temperature": 0.6, "top_p": 0.95, "max_tokens": 32768, "prompt": "r1"}


def made(problems: int = 30, k: int = 64, **changes: Any) -> ResultFile:
    solved = {f"p{n:02d}": (0, k // 2, k)[n % 3] for n in range(problems)}
    return parse_result(result(solved, k=k, **{"settings": PROTOCOL, **changes}), "made")


def table_2(*results: ResultFile) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    table = next(t for t in beside([summarise(one) for one in results]) if t.number == "2")
    return list(table.ours), table.notes


def test_a_whole_result_by_the_protocol_has_no_mark() -> None:
    assert departures(made()) == ()
    assert departures(made(protocol="acereason_1_1", settings={**PROTOCOL, "prompt": "qwen"})) == ()
    ours, notes = table_2(made())
    assert notes == () and ours[0][1].startswith("50.00 ± ") and "(" not in ours[0][1]
    assert coverage_of(made()) == Coverage(30, 30)
    assert departures(made(4, 4, benchmark="own", settings={"temperature": 1.0})) == ()  # not of the papers


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"problems": 10}, "10 of 30 problems"),
        ({"k": 16}, "k 16, not 64"),
        ({"settings": {**PROTOCOL, "temperature": 1.0}}, "temperature 1.0, not 0.6"),
        ({"settings": {**PROTOCOL, "top_p": 1.0}}, "top_p 1.0, not 0.95"),
        ({"settings": {**PROTOCOL, "max_tokens": 4096}}, "max_tokens 4096, not 32768"),
        ({"settings": {**PROTOCOL, "prompt": "bare"}}, "prompt bare, not r1"),
        ({"answer_rule": "last_box"}, "answer rule last_box (the released toolkit's), not after_thinking"),
        ({"settings": {"source": ["x"]}, "protocol": "imported"}, "not stated: temperature, top_p, max_tokens"),
    ],
)
def test_what_is_not_as_in_the_papers_is_marked_and_explained(changes: dict[str, Any], said: str) -> None:
    ours, notes = table_2(made(**changes), made(model="whole"))
    assert ours[0][1].endswith(" (a)") and "(" not in ours[1][1]
    assert notes == (f"(a) {said}.",)


def test_a_part_of_the_problems_has_no_difference_from_the_paper(tmp_path: Path) -> None:
    part, whole = made(10, model="part"), made(model="whole")
    (matrix,) = matrices([summarise(part), summarise(whole)])
    assert matrix.head[3:] == ("part (acereason_1_0)", "whole (acereason_1_0)")
    row = next(row for row in matrix.rows if row[0] == "AceReason-Nemotron-7B" and row[1] == "2")
    assert row[3] == "" and row[4].startswith("-19.0 (")
    assert matrix.notes[0] == "(a) 10 of 30 problems."
    paths = write_report([part, whole], tmp_path)
    read = json.loads(paths["report.json"].read_text())
    assert read[0]["coverage"] == {"problems": 10, "of": 30, "limit": None}
    assert {entry["difference"] for entry in read[0]["paper"]} == {None}
    assert read[0]["departures"] == ["10 of 30 problems"] and read[1]["departures"] == []
    with paths["report.csv"].open(newline="") as stream:
        rows = {row["model"]: row for row in csv.DictReader(stream) if row["metric"] == "avg@64"}
    assert (rows["part"]["problems"], rows["part"]["problems_of"]) == ("10", "30")
    assert (rows["part"]["departures"], rows["whole"]["departures"]) == ("10 of 30 problems", "")
    assert "| 64 | 10 of 30 |" in paths["report.md"].read_text(encoding="utf-8")
    page = paths["report.html"].read_text(encoding="utf-8")
    assert "<td>10 of 30</td>" in page and "Not as the papers' own figures: 10 of 30 problems." in page


def test_the_result_says_how_much_it_is_of_and_older_files_are_read(tmp_path: Path) -> None:
    raw = result({"p": 1, "q": 0}, benchmark="own", coverage={"problems": 2, "of": 7, "limit": 2})
    first = parse_result(raw, "made")
    assert first.coverage == Coverage(2, 7, 2) and coverage_of(first).partial
    write_result(first, tmp_path / "a.json")
    assert read_result(tmp_path / "a.json") == first
    del raw["coverage"]
    assert parse_result(raw, "made").coverage is None
    unknown = parse_result({**raw, "coverage": {"problems": 2, "of": None, "limit": 2}}, "made")
    assert departures(unknown) == ("the first 2 problems",)
    # a smaller benchmark.problems does not make a part the whole
    told = made(10, coverage={"problems": 10, "of": 10, "limit": None})
    assert departures(told) == ("10 of 30 problems",)
    for coverage, said in (
        ({"problems": 3, "of": 7, "limit": None}, r"coverage.problems: is 3; the file lists 2"),
        ({"problems": 2, "of": 1, "limit": None}, r"coverage.of: is 1, fewer than the 2"),
        ({"problems": 2, "of": "7", "limit": None}, r"coverage.of: expected int"),
        ({"problems": 2}, "absent: of, limit"),
    ):
        with pytest.raises(InputError, match=said):
            parse_result({**raw, "coverage": coverage}, "made")


def test_two_answer_rules_of_one_model_are_two_rows() -> None:
    ours, _ = table_2(made(), made(answer_rule="last_box"))
    assert [row[0] for row in ours] == ["base (acereason_1_0, after_thinking)", "base (acereason_1_0, last_box)"]


def test_signs_are_given_in_order_and_shared() -> None:
    notes = Footnotes()
    assert [notes.sign(said) for said in (("x",), (), ("y", "z"), ("x",))] == [" (a)", "", " (b)", " (a)"]
    assert notes.lines == ("(a) x.", "(b) y; z.")


def test_a_rating_stands_in_table_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    write_result(made(), folder / "aime24.json")
    judged = made(2, 4, benchmark="own", protocol="imported", settings={"source": ["judge"]})
    write_result(judged, tmp_path / "judged.json")
    fields = [[1400, 0], [1600, 1500]]
    contests = [{"id": n, "problems": {key: 500}, "field": fields} for n, key in ((1, "p00"), (2, "p01"))]
    (tmp_path / "contests.json").write_text(json.dumps({"contests": contests, "population": [1000, 2000]}))
    rating = ["eval", "rating", str(tmp_path / "judged.json"), str(tmp_path / "contests.json")]
    assert cli.main([*rating, "--out", str(folder / "rating.json")]) == 0
    assert cli.main(["eval", "report", str(folder), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    table = page.partition("## Table 2")[2].partition("\n## ")[0]
    (ours,) = [line for line in table.splitlines() if line.startswith("| base")]
    rated = json.loads((folder / "rating.json").read_text())
    assert rated["standard_error"] is not None
    said = f"{rated['rating']:.0f} ± {rated['standard_error']:.0f}"
    assert f"| {said} | 50.0 |" in ours and "| 50.00 ± " in ours
    text = (tmp_path / "out" / "report.csv").read_text()
    assert "base,codeforces,imported,,,,,,percentile,50," in text
    # named as a file, and a second one of the same model is refused
    words = [str(folder / "aime24.json"), str(folder / "rating.json")]
    assert cli.main(["eval", "report", *words, "--out", str(tmp_path / "again")]) == 0
    assert f"| {said} | 50.0 |" in (tmp_path / "again" / "report.md").read_text(encoding="utf-8")
    (folder / "second.json").write_text((folder / "rating.json").read_text())
    assert cli.main(["eval", "report", str(folder)]) == 2
    assert "a rating of the same model" in capsys.readouterr().err
    assert cli.main(["eval", "report", str(folder / "rating.json")]) == 2
    assert "at least one result file" in capsys.readouterr().err
