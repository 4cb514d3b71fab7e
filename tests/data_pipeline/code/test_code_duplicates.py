"""Two programming problems are the same where references pass each other's tests; in the real sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from acereason.config.schema import VerifierConfig
from data_pipeline.code.duplicates import answers, same_problem
from data_pipeline.code.examiner import Examiner
from tests.data_pipeline.dedup.test_dedup_pairs import verifier


def row(entry_point: str, reference: str, *cases: tuple[Any, Any]) -> dict[str, Any]:
    listed = [{"input": [given], "output": output} for given, output in cases]
    tests = {"kind": "function", "entry_point": entry_point, "cases": listed}
    return {"tests": json.dumps(tests), "reference_solutions": [reference]}


SQUARE = row("f", "def f(x):\n    return x * x\n", (3, 9), (-2, 4))
SQUARE_TOO = row("g", "def g(x):\n    return x ** 2\n", (5, 25), (0, 0))
CUBE = row("f", "def f(x):\n    return x ** 3\n", (3, 27), (1, 1))
FAILS_ITSELF = row("f", "def f(x):\n    return x\n", (3, 9), (1, 1))
LOOPS = row("f", "def f(x):\n    while True:\n        pass\n", (3, 9), (1, 1))
EMPTY = row("f", "def f(x):\n    return x\n")
STDIN = {
    "tests": json.dumps({"kind": "stdin", "cases": [{"input": "3\n", "output": "9\n"}]}),
    "reference_solutions": ["print(int(input()) ** 2)"],
}


def test_references_are_judged_on_the_other_ones_tests(tmp_path: Path) -> None:
    config: VerifierConfig = verifier()
    pairs = {
        "same": (SQUARE, SQUARE_TOO), "other": (SQUARE, CUBE), "fails itself": (SQUARE, FAILS_ITSELF),
        "never ends": (LOOPS, SQUARE), "no cases": (SQUARE, EMPTY), "another format": (SQUARE, STDIN),
    }  # fmt: skip
    with Examiner(config, tmp_path / "findings.jsonl") as examiner:
        found = dict(examiner.follow((name, same_problem(one, two, 1.0)) for name, (one, two) in pairs.items()))
    assert found == {
        "same": True, "other": False, "fails itself": None, "never ends": None, "no cases": None,
        "another format": False,
    }  # fmt: skip


def test_what_has_no_reference_or_no_tests_has_no_answer() -> None:
    rows = pl.DataFrame(
        {"id": ["a", "b", "c"], "tests": ["{}", "{}", None], "reference_solutions": [["x"], [], ["x"]]},
        schema_overrides={"reference_solutions": pl.List(pl.String)},
    )
    assert answers(rows).to_list() == ["a", None, None]
