"""`verify`: rows checked first, verdicts in input order, the target written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from acereason.errors import InputError, RowError
from acereason.verifiers.verify_file import verify_file

from .conftest import boxed, config, fenced

TESTS = {"kind": "stdin", "cases": [{"input": "3 4\n", "output": "19\n"}, {"input": "5 6\n", "output": "37\n"}]}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_math_in_input_order(tmp_path: Path) -> None:
    rows = []
    for i in range(200):
        text = boxed(r"\frac{1}{\sqrt{3}}") if i % 50 == 0 else boxed("12") if i % 2 else "no box"
        rows.append({"id": i, "response": text, "answer": r"\frac{\sqrt{3}}{3}" if i % 50 == 0 else "12"})
    target = tmp_path / "out.jsonl"
    assert verify_file("math", write(tmp_path / "in.jsonl", rows), target, False, config(queue=4)) == 0
    got = read(target)
    assert [row["id"] for row in got] == list(range(200))
    wanted = ["correct" if i % 50 == 0 or i % 2 else "no_answer" for i in range(200)]
    assert [row["verdict"] for row in got] == wanted
    assert all(set(row) == {"id", "verdict", "reward", "seconds", "detail"} for row in got)
    assert all(row["reward"] == (row["verdict"] == "correct") for row in got)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_code_and_bare(tmp_path: Path) -> None:
    program = "a, b = map(int, input().split())\nprint(a * b + 7)"
    for bare, text in ((False, fenced(program)), (True, program)):
        rows = [{"id": "a", "response": text, "tests": TESTS}, {"id": "b", "response": "x =", "tests": TESTS}]
        target = tmp_path / f"{bare}.jsonl"
        verify_file("code", write(tmp_path / "in.jsonl", rows), target, bare, config())
        assert [row["verdict"] for row in read(target)] == ["correct", "unparsable" if bare else "no_answer"]


@pytest.mark.parametrize(
    ("domain", "bad", "says"),
    [
        ("math", "{", "not valid JSON"),
        ("math", {"id": "a", "answer": "1"}, "'response'"),
        ("math", {"id": "a", "response": "x"}, "'answer'"),
        ("math", {"id": "a", "response": "x", "answer": " "}, "'answer'"),
        ("math", {"response": "x", "answer": "1"}, "'id'"),
        ("code", {"id": "a", "response": "x"}, "'tests'"),
        ("code", {"id": "a", "response": "x", "tests": {"kind": "stdin", "cases": []}}, "tests.cases"),
        ("code", {"id": "a", "response": "x", "tests": {"kind": "assert", "script": "x = 1"}}, "tests.script"),
    ],
)
def test_a_bad_row_stops_with_its_line_before_anything_is_judged(
    tmp_path: Path, domain: str, bad: Any, says: str
) -> None:
    good = {"id": "g", "response": "r", **({"answer": "1"} if domain == "math" else {"tests": TESTS})}
    source = write(tmp_path / "in.jsonl", [good, good, bad, good])
    with pytest.raises(RowError, match=says) as caught:
        verify_file(domain, source, tmp_path / "out.jsonl", False, config())
    assert caught.value.line == 3 and caught.value.exit_code == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl"]


def test_what_is_wrong_with_the_files_is_said(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [])
    with pytest.raises(InputError, match="holds no rows"):
        verify_file("math", source, tmp_path / "out.jsonl", False, config())
    with pytest.raises(InputError, match="cannot read"):
        verify_file("math", tmp_path / "absent.jsonl", tmp_path / "out.jsonl", False, config())
    with pytest.raises(InputError, match="does not exist"):
        verify_file("math", source, tmp_path / "no" / "out.jsonl", False, config())
    with pytest.raises(InputError, match="not one of"):
        verify_file("sft", source, tmp_path / "out.jsonl", False, config())
