"""Which problem a row of another programme is about, and what becomes of its programs; needs no benchmark."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from acereason import cli
from acereason.errors import InputError, RowError
from acereason.problems import Problem, Tests, Verdict
from eval import remarks
from eval.benchmarks import Benchmark
from eval.imports import read_given
from eval.programs import CONTINUES, PROGRAM
from eval.result_file import Coverage, read_result
from eval.score import Scored
from eval.score_file import read_responses

HEADERS = {"HumanEval/0": 'def one(x):\n    """The first."""', "HumanEval/1": 'def two(x):\n    """The second."""'}
TESTS = Tests("assert", script="check(1)")


def coded(name: str, prompt: str, header: str | None = None) -> Problem:
    return Problem(name, "code", prompt, "here", tests=TESTS, starter_code=header)


HUMANEVAL = Benchmark("humaneval", tuple(coded(n, "Complete it, please.", h) for n, h in HEADERS.items()), "abc")
MBPP = Benchmark("mbpp", tuple(coded(f"mbpp-{n}", f"Write the function number {n}.") for n in (11, 12)), "abc")


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def found(tmp_path: Path, benchmark: Benchmark, *rows: dict[str, Any], by_position: bool = False) -> list[str]:
    """The problems' ids, in the order of the rows."""
    read = read_responses([written(tmp_path / "rows.jsonl", *rows)], benchmark, by_position)
    return [response.problem.id for group in read.responses.values() for response in group]


def refusal(tmp_path: Path, benchmark: Benchmark, row: dict[str, Any]) -> str:
    with pytest.raises(RowError) as error:
        found(tmp_path, benchmark, row)
    return str(error.value)


def test_problems_that_share_a_statement_are_told_apart_by_their_starter_code(tmp_path: Path) -> None:
    second = HEADERS["HumanEval/1"]
    rows: list[dict[str, Any]] = [
        {"prompt": f"Complete it, please.\nFunction header:\n```\n{second}\n```"},  # as our own prompt has it
        {"prompt": f"\n{second}\n"},  # as HumanEval's rows have it
        {"prompt": "Complete it, please.", "task_id": "HumanEval/1"},
    ]
    assert found(tmp_path, HUMANEVAL, *({**row, "output": "x"} for row in rows)) == ["HumanEval/1"] * 3
    said = refusal(tmp_path, HUMANEVAL, {"prompt": "Complete  it, please.", "output": "x"})
    assert "rows.jsonl:1: field 'prompt': 2 problems of humaneval share this statement ('Complete it, please.')" in said
    chat = {"doc_id": 7, "doc": {}, "resps": [["x"]], "arguments": [["User: Complete it, please.", {}]]}
    assert "field 'prompt': 2 problems of humaneval share" in refusal(tmp_path, HUMANEVAL, chat)


def test_a_statement_that_two_problems_share_names_neither_of_them(tmp_path: Path) -> None:
    twins = Benchmark("own", tuple(Problem(n, "math", "What is it, then?", "here", answer=n) for n in "12"), "abc")
    assert "2 problems of own share" in refusal(tmp_path, twins, {"question": "What is it, then?", "output": "x"})
    assert found(tmp_path, twins, {"question": "What is it, then?", "id": "2", "output": "x"}) == ["2"]


def test_the_numbers_of_mbpp_are_its_ids(tmp_path: Path) -> None:
    rows = [
        {"task_id": 12, "output": "x"},
        {"task_id": "Mbpp/12", "solution": "x"},
        {"task_id": "mbpp-12", "output": "x"},
    ]
    assert found(tmp_path, MBPP, *rows) == ["mbpp-12"] * 3
    assert found(tmp_path, MBPP, {"task_id": 1, "output": "x"}, by_position=True) == ["mbpp-12"]
    said = refusal(tmp_path, MBPP, {"task_id": 1, "output": "x"})
    assert "1 is no problem of mbpp (mbpp-11, mbpp-12, ...)" in said and "--by-position" not in said


def test_samples_of_human_eval_and_of_evalplus(tmp_path: Path) -> None:
    rows = [{"task_id": "HumanEval/0", "completion": " return 1"}, {"task_id": "HumanEval/0", "solution": "x = 1"}]
    kind, given = read_given(written(tmp_path / "a.jsonl", *rows))
    assert kind == "human_eval" and [row.form for row in given] == [CONTINUES, PROGRAM]
    both = [{"task_id": "a", "completion": "x", "solution": said} for said in ("y", None)]
    kind, given = read_given(written(tmp_path / "both.jsonl", *both))
    assert [(row.texts, row.form) for row in given] == [(("y",), PROGRAM), (("x",), CONTINUES)]
    for field in ("completion", "solution", "output", "response"):
        with pytest.raises(RowError, match=f"null.jsonl:1: field '{field}': is null; it holds the response"):
            read_given(written(tmp_path / "null.jsonl", {"task_id": "a", field: None}))
    kind, given = read_given(
        written(tmp_path / "b.jsonl", {"task_id": "a", "output": "x", "solution": "the reference"})
    )
    assert kind == "toolkit" and given[0].texts == ("x",)
    with pytest.raises(RowError, match="field 'output': is missing"):
        read_given(written(tmp_path / "c.jsonl", {"id": "a", "problem": "p", "solution": "the reference"}))
    read = read_responses([written(tmp_path / "d.jsonl", {"task_id": 11, "completion": "x = 1"})], MBPP, False)
    assert read.responses["mbpp-11"][0].form == PROGRAM  # where there is no header the completion is all


def test_a_file_is_counted_once(tmp_path: Path) -> None:
    first = written(tmp_path / "a.jsonl", {"task_id": 11, "output": "x"})
    (tmp_path / "link.jsonl").symlink_to(first)
    second = written(tmp_path / "b.jsonl", {"task_id": 11, "output": "x"})
    for other, said in (
        (first, "is given twice"),
        (tmp_path / "link.jsonl", "is given twice"),
        (second, "same bytes as"),
    ):
        with pytest.raises(InputError, match=f"{other.name} .*{said}.*give it once"):
            read_responses([first, other], MBPP, False)


def test_files_of_one_name_are_two_evaluations_and_coverage_is_stated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"id": f"p{n}", "domain": "math", "prompt": f"{n}?", "answer": "1", "source": "here"} for n in range(3)]
    words = ["benchmark=heldout", f"benchmark.path={written(tmp_path / 'problems.jsonl', *rows)}"]
    out = tmp_path / "o.json"
    for answer in (1, 2, 2):
        (tmp_path / str(answer)).mkdir(exist_ok=True)
        given = written(tmp_path / str(answer) / "s.jsonl", {"task_id": "p1", "output": f"</think>\\boxed{{{answer}}}"})
        assert cli.main(["eval", "score", str(given), *words, "verifier.workers=1", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.count("kept: ") == 1 and said.count("1 of 3") >= 3
    (kept,) = tmp_path.glob("o.*.json")
    first, second = (json.loads(path.read_text()) for path in (kept, out))
    assert (first["summary"]["avg_at_k"], second["summary"]["avg_at_k"]) == (1.0, 0.0)
    content = (tmp_path / "1" / "s.jsonl").read_bytes()
    assert first["settings"]["source_sha256"] == [hashlib.sha256(content).hexdigest()]
    assert first["settings"]["source"] == second["settings"]["source"] == ["s.jsonl"]
    assert read_result(out).coverage == Coverage(1, 3)
    limited = ["benchmark.limit=2", "verifier.workers=1", "--out", str(tmp_path / "limited.json")]
    assert cli.main(["eval", "score", str(tmp_path / "1" / "s.jsonl"), *words, *limited]) == 0
    assert read_result(tmp_path / "limited.json").coverage == Coverage(1, None, 2)


def test_many_responses_without_an_answer_are_said_with_the_rule_that_finds_one() -> None:
    def judged(*verdicts: str) -> dict[str, Scored]:
        return {str(number): Scored(Verdict(verdict), None) for number, verdict in enumerate(verdicts)}

    scored = {
        "after_thinking": judged("no_answer", "no_answer", "wrong"),
        "last_box": judged("correct", *2 * ["no_answer"]),
    }
    assert list(remarks.without_answer(scored, "after_thinking")) == [
        "no answer found in 2 of 3 responses under answer_rule=after_thinking; protocol.answer_rule=last_box finds one "
        "in 1 of them"
    ]
    (line,) = remarks.without_answer(
        {"after_thinking": judged("no_answer"), "last_box": judged("no_answer")}, "last_box"
    )
    assert line == "no answer found in 1 of 1 responses under answer_rule=last_box"
    assert not list(remarks.without_answer({"last_box": judged("no_answer", *9 * ["wrong"])}, "last_box"))


def test_the_command_takes_completions_and_names_with_an_equals_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    starter = 'def double(x):\n    """Twice x."""'
    problem = {
        "id": "p",
        "domain": "code",
        "prompt": "Complete the function.",
        "source": "here",
        "starter_code": starter,
    }
    tests = {"kind": "assert", "script": "assert double(2) == 4\nassert double(-1) == -2\n"}
    written(Path("problems.jsonl"), {**problem, "tests": tests})
    rows = [
        {"task_id": "p", "completion": "    return 2 * x\n"},
        {"task_id": "p", "completion": "    return x\n"},
        {"task_id": "p", "completion": "Here it is:\n```python\ndef double(x):\n    return x + x\n```"},
    ]
    written(Path("seed=1.jsonl"), *rows)
    Path("seed=1.jsonl").write_bytes(b"\xef\xbb\xbf" + Path("seed=1.jsonl").read_bytes())
    words = [
        "seed=1.jsonl",
        "benchmark=heldout",
        "benchmark.path=problems.jsonl",
        "verifier.workers=1",
        "--out",
        "o.json",
    ]
    assert cli.main(["eval", "score", *words]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "read as human_eval: 3 responses to 1 problems" in said
    assert "no answer found in 3 of 3 responses under answer_rule=after_thinking; protocol.answer_rule=last_box" in said
    figures = json.loads(Path("o.json").read_text())["summary"]["by_answer_rule"]
    assert (figures["after_thinking"]["avg_at_k"], figures["last_box"]["avg_at_k"]) == (0.0, pytest.approx(2 / 3))
