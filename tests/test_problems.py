"""Rows: what is read, what is refused, and that the complaint names file, line and field."""

import json
from pathlib import Path
from typing import Any

import pytest

from acereason.errors import InputError, RowError
from acereason.problems import Problem, TestCase, Tests, Verdict, read_problems, read_sft_rows, to_json, write_jsonl

MATH = {"id": "m", "domain": "math", "prompt": "1+1?", "source": "t", "answer": "2"}
CASES = [{"input": [1], "output": 2}]
CODE = {"id": "c", "domain": "code", "prompt": "f", "source": "t"}


def code(**tests: Any) -> dict[str, Any]:
    return {**CODE, "tests": {"kind": "function", "entry_point": "f", "cases": CASES} | tests}


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


def test_round_trip(tmp_path: Path) -> None:
    tests = Tests("function", (TestCase([1, "a"], {"x": [None]}),), entry_point="f", time_limit_s=2.0)
    problems = [Problem(**MATH), Problem(**CODE, tests=tests, metadata={"family": "x"})]
    write_jsonl(tmp_path / "rows.jsonl", map(to_json, problems))
    assert read_problems(tmp_path / "rows.jsonl") == problems


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ("{", "<row>", "not valid JSON"),
        ("[1]", "<row>", "expected a JSON object"),
        ({**MATH, "answer": ""}, "answer", "is empty"),
        ({**MATH, "answer": 2}, "answer", "expected text, got a whole number 2"),
        ({k: v for k, v in MATH.items() if k != "prompt"}, "prompt", "is missing"),
        ({**MATH, "domain": "maths"}, "domain", "not one of math, code"),
        ({**MATH, "tests": {}}, "tests", "not a known field"),
        ({**MATH, "id": "\ud800"}, "id", "lone surrogate"),
        (CODE, "tests", "is missing"),
        (code(cases=[]), "tests.cases", "no test case"),
        (code(cases=[{"input": [1], "output": ""}]), "tests.cases", "every expected output is empty"),
        (code(cases=[{"input": 1, "output": 2}]), "tests.cases[0].input", "list of arguments"),
        (code(cases=[{"input": [1]}]), "tests.cases[0].output", "is missing"),
        (code(entry_point="Solution().f"), "tests.entry_point", "is not a function's name"),
        (code(entry_point="class"), "tests.entry_point", "is not a function's name"),
        (code(time_limit_s=1e20), "tests.time_limit_s", "at most 3600"),
        (code(memory_mb=-1), "tests.memory_mb", "above 0"),
        ('{"id": "c", "domain": "code", "prompt": "f", "source": "t", "tests": {"kind": "function", '
         '"entry_point": "f", "cases": [{"input": [1], "output": NaN}]}}', "tests.cases[0].output", "NaN"),
        (code(cases=[{"input": ["\udcff"], "output": 1}]), "tests.cases[0].input", "lone surrogate"),
    ],
)  # fmt: skip
def test_a_bad_row_names_file_line_and_field(tmp_path: Path, row: object, field: str, words: str) -> None:
    path = write(tmp_path / "rows.jsonl", MATH, "", row)
    with pytest.raises(RowError) as caught:
        read_problems(path)
    assert (caught.value.path, caught.value.line, caught.value.field) == (str(path), 3, field)
    assert words in str(caught.value)


def test_ids_are_unique_and_files_hold_rows(tmp_path: Path) -> None:
    with pytest.raises(RowError, match="already used on line 1"):
        read_problems(write(tmp_path / "a.jsonl", MATH, MATH))
    with pytest.raises(InputError, match="holds no rows"):
        read_problems(write(tmp_path / "b.jsonl", ""))
    with pytest.raises(InputError, match="cannot read"):
        read_problems(tmp_path / "absent.jsonl")
    with pytest.raises(InputError, match="cannot read"):
        read_problems(tmp_path)
    with pytest.raises(RowError, match="'response': is missing"):
        read_sft_rows(write(tmp_path / "c.jsonl", {"id": "a", "domain": "math", "prompt": "p"}))


def test_only_correct_is_paid_and_a_failure_of_ours_is_no_reward() -> None:
    assert Verdict("correct").reward == 1.0
    assert Verdict("timeout").reward == 0.0
    assert Verdict("infra_error").reward is None
