"""Every curriculum on the real stack: the tiny model, `scale=tiny`, and a step or two of each stage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acereason.config.compose import compose_train
from acereason.config.places import conf_dir
from tests.end_to_end import command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CURRICULA = sorted({path.stem for path in (conf_dir() / "curriculum").glob("*.yaml")} - {"tiny", "two_steps"})
ONE = ["scale=tiny"]  # what a user gives; the rest makes it shorter still
SHORTER = [
    "scale.min_steps=1",
    "scale.max_steps=1",
    "scale.prompts_per_step=4",
    "scale.to_lengths=[32,64]",
    "scale.attempts=2",
    "scale.pilot_prompts=2",
    "scale.train_per_domain=16",
    "scale.warm_start.steps=1",
    "scale.warm_start.updates_per_step=2",
    "data.sft_rows=32",
    "data.heldout_per_domain=2",
    "eval.samples_per_problem=1",
    *command.ONE_EACH,
    "tracking.wandb.mode=disabled",
]


@pytest.mark.parametrize("name", CURRICULA)
def test_a_curriculum_runs(name: str, tmp_path: Path) -> None:
    words = [f"curriculum={name}", *ONE, *SHORTER]
    printed = command.run("train", *words, "run_dir=run", cwd=tmp_path)
    assert "scale=tiny: curriculum.stages." in printed  # every change is said
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "completed"
    expected = compose_train(words).curriculum.stages
    assert [stage["name"] for stage in summary["stages"]] == list(expected)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["stage"] for row in rows] == list(expected)  # one step each
    filtered = [stage for stage, config in expected.items() if config.filter.pass_rate.attempts]
    kept = [path.parent.name for path in (tmp_path / "run").rglob("pass_rate.jsonl")]
    assert sorted(kept) == sorted(filtered)
