"""Responses of a real model and real programs with known verdicts, judged by `acereason eval score`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from acereason import cli
from tests.shared_data import needs_shared
from tests.verifiers.code.labelled import labelled_rows, labelled_tests
from tests.verifiers.conftest import shared_rows

RESPONSES = "math_equivalence/qwen25_math_cot_100x8.jsonl"
NOISE = {"10{,}000": "10000"}  # gold -> answer that the labels call wrong
WRONG_LABELS = {("HumanEval/91", "reflexion-gpt4_simple_humaneval")}  # right once `re` is imported, as the prelude does


def scored(tmp_path: Path, problems: list[dict[str, Any]], rows: list[dict[str, Any]], *words: str) -> dict[str, Any]:
    for name, listed in (("problems.jsonl", problems), ("rows.jsonl", rows)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in listed), encoding="utf-8")
    out = tmp_path / "result.json"
    given = ["benchmark=heldout", f"benchmark.path={tmp_path / 'problems.jsonl'}", "--out", str(out), *words]
    assert cli.main(["eval", "score", str(tmp_path / "rows.jsonl"), *given]) == 0
    return dict(json.loads(out.read_text()))


@needs_shared
def test_800_responses_of_a_real_model_have_their_known_accuracy(tmp_path: Path) -> None:
    rows = shared_rows(RESPONSES)
    first = {row["id"]: row for row in reversed(rows)}
    problems = [
        {"id": str(key), "domain": "math", "prompt": row["problem"], "answer": row["gold"], "source": "labelled"}
        for key, row in sorted(first.items())
    ]
    given = [{"task_id": str(row["id"]), "output": row["response"]} for row in rows]
    result = scored(tmp_path, problems, given, "protocol.answer_rule=last_box")
    labels: dict[str, list[bool]] = {}
    for row in rows:
        labels.setdefault(str(row["id"]), []).append(row["expected"])
    found = {p["id"]: [one["verdict"] == "correct" for one in p["samples"]] for p in result["problems"]}
    golds = {problem["id"]: problem["answer"] for problem in problems}
    differ = {
        (golds[key], one["answer"])
        for p in result["problems"]
        for key, one, label in zip([p["id"]] * 8, p["samples"], labels[p["id"]], strict=True)
        if (one["verdict"] == "correct") is not label
    }
    assert differ == set(NOISE.items())
    noisy = sum(a != b for key in found for a, b in zip(found[key], labels[key], strict=True))
    stated = sum(map(sum, labels.values())) / 800
    assert stated == 0.91
    assert (result["k"], result["summary"]["avg_at_k"]) == (8, pytest.approx(stated + noisy / 800))
    # The model does not think aloud between marks, so training's rule finds nothing, and says so.
    assert result["summary"]["by_answer_rule"]["after_thinking"]["avg_at_k"] == 0.0
    assert result["summary"]["infra_errors"] == 0


@needs_shared
@pytest.mark.slow
def test_labelled_programs_have_their_known_verdicts(tmp_path: Path) -> None:
    """Every eleventh program and the one whose label is wrong: no other verdict differs from its label.

    A program that ran out of time is judged once more, since the machine may have been busy.
    """
    every = labelled_rows()
    rows = [row for number, row in enumerate(every) if number % 11 == 5 or name_of(row) in WRONG_LABELS]
    assert len(rows) >= 104 and {name_of(row) for row in rows} >= WRONG_LABELS
    found = program_verdicts(tmp_path, rows)
    late = [number for number, verdict in enumerate(found) if verdict == "timeout" and rows[number]["expected"]]
    if late:
        again = program_verdicts(tmp_path, [rows[number] for number in late])
        found = [again[late.index(number)] if number in late else verdict for number, verdict in enumerate(found)]
    differ = {
        name_of(row): verdict
        for row, verdict in zip(rows, found, strict=True)
        if (verdict == "correct") is not row["expected"]
    }
    assert differ == dict.fromkeys(WRONG_LABELS, "correct")


def name_of(row: dict[str, Any]) -> tuple[str, str]:
    return row["id"], row["source"]


def program_verdicts(tmp_path: Path, rows: list[dict[str, Any]]) -> list[str]:
    """The verdict on each program, in order."""
    problems, given = [], []
    for number, row in enumerate(rows):
        tests = {key: value for key, value in asdict(labelled_tests(row)).items() if value not in (None, (), [])}
        problem = {"id": str(number), "domain": "code", "prompt": f"program {number}", "source": "labelled"}
        problems.append({**problem, "tests": tests})
        given.append({"task_id": str(number), "output": f"so</think>\n```python\n{row['program']}\n```\n"})
    result = scored(tmp_path, problems, given, "verifier.code_wall_s=120")
    return [problem["samples"][0]["verdict"] for problem in result["problems"]]
