"""Stages are artifacts: a fork and a run that shares a prefix train only what is new, and train it exactly."""

from __future__ import annotations

import json
import os
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from tests.end_to_end import command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

WARMER = "curriculum.stages.math_3.temperature=0.8"


def lineage(run_dir: Path) -> list[dict[str, object]]:
    return json.loads((run_dir / "lineage.json").read_text())["stages"]


def final_weights(run_dir: Path) -> str:
    return command.weights_hash(run_dir / command.summary(run_dir)["checkpoint"])


def test_every_stage_names_what_it_was_made_from(whole: Path) -> None:
    stages = lineage(whole)
    assert [s["name"] for s in stages] == ["sft", "math_1", "math_2", "math_3", "code_1", "math_4"]
    assert len({s["key"] for s in stages}) == len({s["weights"] for s in stages}) == 6
    for before, after in pairwise(stages):
        assert after["inputs"]["parent_key"] == before["key"]
        assert (whole / str(after["checkpoint"]) / "trainer").is_dir()
    assert stages[0]["inputs"]["data"] != stages[1]["inputs"]["data"] == stages[4]["inputs"]["data"]
    assert {path.stem for path in (whole.parent / "store").iterdir()} == {s["key"] for s in stages}


def test_a_fork_without_change_is_the_same_run_even_when_it_is_killed(whole: Path, tmp_path: Path) -> None:
    process = command.start("fork", str(whole), "stage=code_1", "run_dir=forked", cwd=tmp_path)
    forked = tmp_path / "forked"
    taken = 9  # steps of the stages before code_1
    command.wait_for(lambda: len(command.metrics(forked)) > taken, process, "the fork's first own step")
    os.kill(process.pid, signal.SIGKILL)  # before its first checkpoint
    process.wait(180)
    assert not list(forked.glob("checkpoints/*/step_*"))
    command.run("resume", "forked", cwd=tmp_path)
    assert command.without_clocks(command.metrics(forked)) == command.without_clocks(command.metrics(whole))
    assert final_weights(forked) == final_weights(whole)
    assert sorted(path.name for path in (forked / "checkpoints").iterdir()) == ["code_1", "math_4"]
    assert sorted({name.split("/")[0] for name in command.rollouts(forked)}) == ["code_1", "math_4"]
    mine, theirs = command.summary(forked)["stages"], command.summary(whole)["stages"]
    assert [s["eval_after"] for s in mine] == [s["eval_after"] for s in theirs]
    assert [s["inherited_from"] for s in mine] == [str(whole)] * 4 + [None] * 2
    printed = command.run("status", "forked", cwd=tmp_path)
    assert str(whole) in printed


def test_a_fork_and_a_run_that_shares_the_prefix_agree(whole: Path, tmp_path: Path) -> None:
    stages = [f"~curriculum.stages.{name}" for name in ("code_1", "math_4")]
    command.run(
        "train", *[w for w in command.SHORT if "code_1" not in w and "math_4" not in w], *stages, WARMER,
        f"train.share={whole.parent / 'store'}", "run_dir=shared", cwd=tmp_path,
    )  # fmt: skip
    shared = tmp_path / "shared"
    rows = command.summary(shared)["stages"]
    assert [bool(s["inherited_from"]) for s in rows] == [True, True, True, False]
    assert {name.split("/")[0] for name in command.rollouts(shared)} == {"math_3"}

    command.run("fork", str(whole), "stage=math_3", WARMER, "run_dir=forked", cwd=tmp_path)
    forked = tmp_path / "forked"
    mine = {s["name"]: s for s in lineage(forked)}
    theirs = {s["name"]: s for s in lineage(shared)}
    assert mine["math_3"]["weights"] == theirs["math_3"]["weights"]
    original = {s["name"]: s for s in lineage(whole)}
    assert mine["math_3"]["weights"] != original["math_3"]["weights"]
    assert mine["math_2"]["weights"] == original["math_2"]["weights"]
    code = [row["reward/mean"] for row in command.metrics(forked) if row["stage"] == "code_1"]
    assert len(code) == 3


def test_a_fork_with_other_problems_of_a_fork_asks_only_of_weights_that_it_holds(whole: Path, tmp_path: Path) -> None:
    command.run("fork", str(whole), "stage=math_4", "data.seed=99", "run_dir=first", cwd=tmp_path)
    first = tmp_path / "first"
    asked = {path.stem: json.loads(path.read_text()) for path in (first / "eval").iterdir()}
    assert set(asked) == {"code_1", "math_4"}
    assert set(asked["code_1"]) - {"seconds"} == {"after"}  # its final weights are here, its first ones are not
    assert asked["math_4"]["before"] == asked["code_1"]["after"]
    theirs = {stage["name"]: stage["seconds"] for stage in command.summary(whole)["stages"]}
    mine = {stage["name"]: stage for stage in command.summary(first)["stages"]}
    assert [mine[name]["seconds"] for name in ("sft", "math_3")] == [theirs[name] for name in ("sft", "math_3")]
    assert mine["code_1"]["seconds"] > theirs["code_1"] > 0  # with the evaluation that is this run's own
    assert "taken over from" in (first / "report.html").read_text()

    weights = whole / str(lineage(whole)[3]["checkpoint"]) / "model.safetensors"
    kept = weights.read_bytes()
    try:
        weights.write_bytes(kept[:-4] + b"\0\0\1\1")
        printed = command.run("fork", str(whole), "stage=code_1", "run_dir=second", cwd=tmp_path, expect=2)
        assert "holds other weights than stage 'math_3' ended with" in printed
        command.run("fork", str(first), "stage=code_1", "run_dir=second", cwd=tmp_path, expect=2)
    finally:
        weights.write_bytes(kept)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stage=math_9"], "has no such stage"),
        (["math_3"], "expected stage=NAME"),
        (["stage=math_3", "curriculum.stages.math_1.temperature=0.5"], "taken over as it was trained"),
        (["stage=math_3", "model.rms_norm_eps=1e-5"], "the weights that are taken over"),
        (["stage=math_3", "~curriculum.stages.math_3"], "removes it"),
        (["stage=math_3", "~curriculum.stages.math_1"], "cannot be added to or removed"),
        (["stage=math_3", "filter@curriculum.stages.math_3.filter=hard"], "set single keys"),
        (["stage=math_3", "launcher.executor=submitit"], "a fork starts where the command runs"),
    ],
)
def test_a_fork_that_makes_no_sense_is_refused(words: list[str], said: str, whole: Path, tmp_path: Path) -> None:
    printed = command.run("fork", str(whole), *words, "run_dir=forked", cwd=tmp_path, expect=2)
    assert said in printed
    assert not (tmp_path / "forked").exists()
