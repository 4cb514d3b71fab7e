"""Rows of code sources: what is let in, and what is said of what is not."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from acereason.errors import RowError
from data_pipeline.code.reading import row_of
from data_pipeline.code.schema import CodeSourceConfig
from data_pipeline.code.stages import published
from data_pipeline.rows import Ids, ProblemRow, problem_object

OWN = {
    "id": "p1", "domain": "code", "source": "mine", "prompt": "Print three.",
    "tests": {"kind": "stdin", "cases": [{"input": "1\n", "output": "3\n"}]},
}  # fmt: skip


def read(record: dict[str, Any], form: str = "local") -> ProblemRow:
    source = CodeSourceConfig("mine", form, ("rows.jsonl",), None, None, (), "none", "", None)
    return row_of(source, record, Path("rows.jsonl"), 3, 3, None, Ids())


def test_our_own_rows_are_taken_as_they_are() -> None:
    row = read({**OWN, "reference_solutions": ["print(3)"], "wrong_solutions": None, "release_date": "2024-07-31"})
    assert row.reference_solutions == ["print(3)\n"] and row.wrong_solutions == []
    assert row.release_date == "2024-07-31"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"reference_solutions": "print(3)"}, "'reference_solutions': expected a list of programs, got 'print(3)'"),
        ({"wrong_solutions": "x"}, "'wrong_solutions': expected a list of programs, got 'x'; write [PROGRAM]"),
        ({"reference_solutions": ["print(3)", 5]}, "'reference_solutions[1]': expected a program as text, got 5"),
        ({"reference_solutions": {"a": 1}}, "'reference_solutions': expected a list of programs, got {'a': 1}"),
        ({"domain": "math", "answer": "3", "tests": None}, "'domain': is 'math', and this is a set of code"),
        ({"release_date": "2024-08"}, "'release_date': expected a day as 2024-07-31, or null"),
        ({"url": 5}, "'url': expected text, got 5"),
        ({"refs": []}, "'refs'"),
    ],
)
def test_what_is_no_row_is_named_with_file_line_and_field(more: dict[str, Any], said: str) -> None:
    with pytest.raises(RowError) as error:
        read({**OWN, **more})
    assert str(error.value).startswith("rows.jsonl:3: field ") and said in str(error.value)


@pytest.mark.parametrize(
    "text", ["2024-08", "2024/09/01", "August 5, 2024", "20250101", "2024-13-01", "2024-W10-1", ""]
)
def test_a_date_that_does_not_read_is_no_unknown_date(text: str) -> None:
    with pytest.raises(RowError, match="release_date"):
        read({**OWN, "release_date": text})


@pytest.mark.parametrize("text", ["2024-07-31", "2024-07-31T12:00:00Z", "2024-07-31 08:30", None])
def test_dates_that_read(text: str | None) -> None:
    assert read({**OWN, "release_date": text}).release_date == text


@pytest.mark.parametrize(
    ("given", "date"),
    [("2024-08-04", "2024-08-04"), (datetime.datetime(2024, 8, 4, 2), "2024-08-04"),
     (datetime.date(2024, 8, 4), "2024-08-04"), (None, None), ("", None)],
)  # fmt: skip
def test_dates_of_a_known_format_are_converted(given: Any, date: str | None) -> None:
    record = {
        "task_id": "x", "problem_description": "Add one.", "entry_point": "Solution().f", "estimated_date": given,
        "starter_code": "class Solution:\n    def f(self, n: int) -> int:", "completion": "def f(n): return n",
        "test": "def check(candidate):\n    assert candidate(n = 1) == 2",
    }  # fmt: skip
    row = read(record, "leetcode")
    assert row.release_date == date
    with pytest.raises(RowError, match="release_date"):
        read({**record, "estimated_date": "soon"}, "leetcode")


def test_the_level_of_a_source_and_the_failures_of_the_teacher_are_two_things() -> None:
    row = {**read({**OWN, "metadata": {"level": "Medium"}}).model_dump(), "difficulty_level": 0, "difficulty": None}
    metadata = problem_object(row, published(row))["metadata"]
    assert metadata["level"] == "Medium" and metadata["difficulty_level"] == 0
