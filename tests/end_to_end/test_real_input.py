"""Real problems, the real tokenizer and a random Qwen2: two RL steps of each domain through every part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acereason.problems import write_jsonl
from tests import shared_data
from tests.end_to_end import command


@pytest.fixture
def rows(tmp_path: Path) -> list[str]:
    write_jsonl(tmp_path / "train.jsonl", shared_data.math_rows(0, 24) + shared_data.leetcode_rows(0, 24))
    write_jsonl(tmp_path / "heldout.jsonl", shared_data.math_rows(24, 4) + shared_data.leetcode_rows(24, 4))
    return [
        "data=jsonl",
        "data.train=train.jsonl",
        "data.heldout=heldout.jsonl",
        "curriculum=two_steps",
        "model=random_small",
        f"model.tokenizer={shared_data.TOKENIZER}",
        "eval.samples_per_problem=1",
        "run_dir=run",
        *command.ONE_EACH,
    ]


@pytest.mark.slow
@shared_data.needs_shared
def test_two_steps_of_each_domain(tmp_path: Path, rows: list[str]) -> None:
    command.run("train", *rows, "curriculum.stages.math_1.max_response_length=96",
                "curriculum.stages.code_1.max_response_length=96", cwd=tmp_path)  # fmt: skip
    summary = command.summary(tmp_path / "run")
    assert summary["status"] == "completed"
    assert [(s["domain"], s["steps"]) for s in summary["stages"]] == [("math", 2), ("code", 2)]
    for row in command.metrics(tmp_path / "run"):
        assert row["sync/logprob_abs_diff_max"] < 1e-4
        assert row["response/length_mean"] > 0
    recorded = command.rollouts(tmp_path / "run")
    assert {row["domain"] for rows_ in recorded.values() for row in rows_} == {"math", "code"}


@shared_data.needs_shared
def test_a_bad_row_stops_with_file_line_and_field(tmp_path: Path, rows: list[str]) -> None:
    lines = (tmp_path / "train.jsonl").read_text().splitlines()
    broken = json.loads(lines[2])
    del broken["answer"]
    (tmp_path / "train.jsonl").write_text("\n".join([*lines[:2], json.dumps(broken), *lines[3:]]) + "\n")
    printed = command.run("train", *rows, cwd=tmp_path, expect=2)
    assert "train.jsonl:3: field 'answer': is missing" in printed
    assert len(printed.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@shared_data.needs_shared
def test_a_heldout_problem_in_the_training_data_is_refused(tmp_path: Path, rows: list[str]) -> None:
    again = {**shared_data.math_rows(3, 1)[0], "id": "other-id"}
    with open(tmp_path / "heldout.jsonl", "a") as stream:
        stream.write(json.dumps(again) + "\n")
    printed = command.run("train", *rows, cwd=tmp_path, expect=2)
    assert "math-train-3" in printed
    assert "other-id" in printed
    assert not (tmp_path / "run").exists()
