"""Real problems beside the checkout (`../shared/data`), as rows of our format. Absent on a user's machine."""

from __future__ import annotations

import ast
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TOKENIZER = SHARED / "tokenizers" / "deepseek-r1-distill-qwen"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real problems in ../shared/data")


def math_rows(start: int, count: int) -> list[dict[str, Any]]:
    """Rows of MATH train."""
    problems = json.loads((SHARED / "math" / "math_train.json").read_text(encoding="utf-8"))
    return [
        {
            "id": f"math-train-{index}",
            "domain": "math",
            "prompt": problems[index]["problem"],
            "answer": str(problems[index]["answer"]),
            "source": "MATH train",
            "metadata": {"family": problems[index]["type"]},
        }
        for index in range(start, start + count)
    ]


def leetcode_rows(start: int, count: int) -> list[dict[str, Any]]:
    """Function problems of LeetCodeDataset whose cases read as plain `name = literal` arguments."""
    rows: list[dict[str, Any]] = []
    with gzip.open(SHARED / "code" / "leetcode_v0.3.1_test.jsonl.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            row = _leetcode_row(json.loads(line))
            if row is not None:
                rows.append(row)
            if len(rows) == start + count:
                break
    return rows[start:]


def _leetcode_row(problem: dict[str, Any]) -> dict[str, Any] | None:
    cases = []
    recorded = problem["input_output"]
    for case in recorded if isinstance(recorded, list) else ast.literal_eval(recorded):
        try:
            call = ast.parse(f"f({case['input']})", mode="eval").body
            assert isinstance(call, ast.Call)
            arguments = [ast.literal_eval(keyword.value) for keyword in call.keywords]
            output = ast.literal_eval(case["output"])
            json.dumps([arguments, output])
        except (SyntaxError, ValueError, TypeError):
            continue
        cases.append({"input": arguments, "output": output})
    if len(cases) < 5:
        return None
    return {
        "id": problem["task_id"],
        "domain": "code",
        "prompt": problem["problem_description"],
        "starter_code": problem["starter_code"],
        "source": "LeetCodeDataset",
        "release_date": problem["estimated_date"],
        "tests": {
            "kind": "function",
            "entry_point": problem["entry_point"].rpartition(".")[2],
            "cases": cases,
            "time_limit_s": 4,
        },
        "metadata": {"family": problem["difficulty"], "reference": problem["completion"]},
    }
