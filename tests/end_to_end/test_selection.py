"""Filters, schedules by epoch, rules that end a stage, mixed stages and the entropy rule, on the real stack.

The problems are guesses: each asks for a digit, and the teacher of the warm start says 1 or 2 by a coin. What a short
warm start can learn of that is to answer at random, so pass rates are spread out and some problems are solved by luck.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from acereason.problems import write_jsonl
from tests.end_to_end import command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ATTEMPTS, MOST, ROWS = 4, 2, 27
STAGES = {
    "sft": ["steps=9", "updates_per_step=20", "prompts_per_step=4", "stop.rule=epochs", "stop.epochs=2"],
    "math_1": [
        "steps=30", "stop.rule=epochs", "stop.epochs=2", "filter.drop_solved=true",
        "by_epoch.temperature=[1.0,0.9]", "by_epoch.group_size=[2,3]",
        f"filter.pass_rate.attempts={ATTEMPTS}", f"filter.pass_rate.max_passed={MOST}",
        "filter.pass_rate.problems_per_block=2",
    ],
    "math_2": ["steps=30", "stop.rule=plateau", "stop.window=2", "stop.patience=1", "stop.min_gain=0.4",
               "filter.teacher=coin", "filter.max_failures=5"],
    "code_1": ["steps=2", "domain=mixed", "math_share=0.4", "entropy_rule.target=0.3",
               "entropy_rule.candidates=[0.7,1.0]", "entropy_rule.prompts=6"],
}  # fmt: skip
WORDS = [
    *command.ONE_EACH,
    "seed=3", "data=jsonl", "data.train=../rows/train.jsonl", "data.heldout=../rows/heldout.jsonl",
    "data.sft=../rows/sft.jsonl", "eval.samples_per_problem=1", "checkpoint.every_steps=2",
    "tracking.wandb.mode=disabled", "~curriculum.stages.math_3", "~curriculum.stages.math_4",
    "curriculum.max_prompt_length=64", "run_dir=run",
    *(f"curriculum.stages.{name}.{value}" for name, values in STAGES.items() for value in values),
    *(f"curriculum.stages.{name}.max_response_length=40" for name in STAGES),
    *(f"curriculum.stages.{name}.{value}" for name in STAGES if name != "sft"
      for value in ("prompts_per_step=5", *([] if name == "math_1" else ["group_size=2"]), "optimizer.lr=1e-4")),
]  # fmt: skip


def problem(side: str, domain: str, number: int, rng: random.Random) -> dict[str, Any]:
    digit = rng.choice("12")
    judged = (
        {"answer": digit}
        if domain == "math"
        else {"tests": {"kind": "stdin", "cases": [{"input": "", "output": digit}]}}
    )
    difficulty = {"coin": {"n": 8, "passed": number % 9, "tokens_mean": 10.0}}
    row = {"id": f"{side}-{domain}-{number}", "domain": domain, "prompt": f"{side} {domain} {number}?", "source": "t"}
    return row | judged | {"difficulty": difficulty}


def response(domain: str, rng: random.Random) -> str:
    said = rng.choice("12")
    return f"</think>\n\\boxed{{{said}}}" if domain == "math" else f"</think>\n```python\nprint({said})\n```"


def write_rows(folder: Path) -> None:
    rng = random.Random(1)
    sides = {"train": ROWS, "heldout": 3}
    for side, count in sides.items():
        rows = [problem(side, domain, n, rng) for domain in ("math", "code") for n in range(count)]
        write_jsonl(folder / f"{side}.jsonl", rows)
    domains = [rng.choice(("math", "code")) for _ in range(320)]
    rows = [{"id": f"s{n}", "domain": domain, "prompt": f"sft {domain} {n}?", "response": response(domain, rng)}
            for n, domain in enumerate(domains)]  # fmt: skip
    write_jsonl(folder / "sft.jsonl", rows)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("selection")
    write_rows(folder / "rows")
    (folder / "whole").mkdir()
    command.run("train", *WORDS, cwd=folder / "whole")
    return folder


@pytest.fixture(scope="module")
def undisturbed(base: Path) -> Path:
    """A run that nobody disturbed."""
    return base / "whole" / "run"


def of_stage(run_dir: Path, stage: str) -> list[dict[str, Any]]:
    return [row for row in command.metrics(run_dir) if row["stage"] == stage]


def groups(run_dir: Path, stage: str) -> list[dict[str, list[dict[str, Any]]]]:
    """For each step the rollouts of each problem."""
    steps = []
    for name, rows in command.rollouts(run_dir).items():
        if name.startswith(f"{stage}/"):
            found: dict[str, list[dict[str, Any]]] = {}
            for row in rows:
                found.setdefault(row["problem_id"], []).append(row)
            steps.append(found)
    return steps


def pass_rates(run_dir: Path) -> list[dict[str, Any]]:
    path = run_dir / "filters" / "math_1" / "pass_rate.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def told(run_dir: Path, name: str) -> Any:
    return json.loads((run_dir / "filters" / name).read_text())


def lines(run_dir: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run_dir / "filters" / name).read_text().splitlines()]


def test_every_stage_ends_as_its_rule_says(undisturbed: Path) -> None:
    stages = command.summary(undisturbed)["stages"]
    assert [s["stopped_by"] for s in stages] == ["epochs", "epochs", "plateau", "steps"]
    assert [s["domain"] for s in stages] == ["sft", "math", "math", "mixed"]
    assert stages[0]["steps"] == 8  # 320 rows, 80 a step, twice
    assert len({row["sft/epoch"] for row in of_stage(undisturbed, "sft")}) == 2


def test_the_model_selects_its_problems(undisturbed: Path) -> None:
    rates = pass_rates(undisturbed)
    kept = {row["problem"] for row in rates if row["passed"] <= MOST}
    assert {row["attempts"] for row in rates} == {ATTEMPTS}
    assert len(rates) == len({row["problem"] for row in rates}) == ROWS
    assert 10 <= len(kept) < ROWS, "the data should leave some problems and drop some"
    about = told(undisturbed, "math_1/selection.json")
    assert (about["problems"], about["kept"]) == (ROWS, len(kept))
    assert about["dropped"] == {"pass_rate_max_passed": ROWS - len(kept)}
    counts = Counter(row["passed"] for row in rates)
    assert about["pass_rate"]["problems_by_passed"] == [counts[n] for n in range(ATTEMPTS + 1)]
    assert {row["id"] for row in lines(undisturbed, "math_1/dropped.jsonl")} == {r["problem"] for r in rates} - kept
    assert {problem for step in groups(undisturbed, "math_1") for problem in step} <= kept
    said = command.summary(undisturbed)["stages"][1]["problems"]
    assert (said["rows"], said["kept"]) == (ROWS, len(kept))
    assert f"math_1 trains on {len(kept)} of {ROWS} problems" in command.run("status", "run", cwd=undisturbed.parent)


def test_temperature_and_group_size_change_with_the_epoch(undisturbed: Path) -> None:
    rows, steps = of_stage(undisturbed, "math_1"), groups(undisturbed, "math_1")
    assert {row["data/epoch"] for row in rows} == {0, 1}
    for row, step in zip(rows, steps, strict=True):
        first = row["data/epoch"] == 0
        assert (row["rollout/temperature"], row["rollout/group_size"]) == ((1.0, 2) if first else (0.9, 3))
        assert {len(group) for group in step.values()} == {row["rollout/group_size"]}
        assert row["sync/logprob_abs_diff_max"] < 1e-4  # trainer and engine at the same temperature


def test_what_an_epoch_solved_does_not_come_again(undisturbed: Path) -> None:
    rows, steps = of_stage(undisturbed, "math_1"), groups(undisturbed, "math_1")
    solved: dict[int, set[str]] = {0: set(), 1: set()}
    drawn: dict[int, set[str]] = {0: set(), 1: set()}
    for row, step in zip(rows, steps, strict=True):
        epoch = row["data/epoch"]
        drawn[epoch] |= set(step)
        solved[epoch] |= {name for name, group in step.items() if all(each["reward"] == 1.0 for each in group)}
    assert solved[0], "some problem should be solved by luck"
    assert not drawn[1] & solved[0]
    ends = told(undisturbed, "math_1/epochs.json")
    assert [each["solved"] for each in ends] == [len(solved[0]), len(solved[1])]
    kept = told(undisturbed, "math_1/selection.json")["kept"]
    assert [each["left"] for each in ends] == [kept - len(solved[0]), kept - len(solved[0]) - len(solved[1])]
    assert {row["id"] for row in lines(undisturbed, "math_1/solved.jsonl") if row["epoch"] == 0} == solved[0]


def test_the_teachers_failures_and_the_plateau(undisturbed: Path) -> None:
    easy = {f"train-math-{n}" for n in range(ROWS) if 8 - n % 9 <= 5}
    assert {problem for step in groups(undisturbed, "math_2") for problem in step} <= easy
    assert told(undisturbed, "math_2/selection.json")["dropped"] == {"teacher_failures": ROWS - len(easy)}
    rewards = [row["reward/mean"] for row in of_stage(undisturbed, "math_2")]
    readings = [(a + b) / 2 for a, b in zip(rewards[::2], rewards[1::2], strict=True)]
    gains = [reading > max(readings[:n]) + 0.4 for n, reading in enumerate(readings) if n]
    assert gains.index(False) == len(gains) - 1  # the first reading without a gain was the last
    assert len(rewards) < 30


def test_a_mixed_stage_draws_its_share_of_both_domains(undisturbed: Path) -> None:
    for row, step in zip(of_stage(undisturbed, "code_1"), groups(undisturbed, "code_1"), strict=True):
        domains = Counter(group[0]["domain"] for group in step.values())
        assert domains == {"math": 2, "code": 3}  # 0.4 of 5
        for domain in domains:
            rewards = [each["reward"] for group in step.values() for each in group if each["domain"] == domain]
            assert row[f"reward/mean/{domain}"] == pytest.approx(sum(rewards) / len(rewards))


def test_the_entropy_rule_takes_the_nearest_temperature(undisturbed: Path) -> None:
    about = told(undisturbed, "code_1/temperature.json")
    by_distance = sorted((abs(each["entropy"] - 0.3), each["temperature"]) for each in about["candidates"])
    assert [each["temperature"] for each in about["candidates"]] == [0.7, 1.0]
    assert about["temperature"] == by_distance[0][1]
    assert {row["rollout/temperature"] for row in of_stage(undisturbed, "code_1")} == {about["temperature"]}


def test_killed_in_the_filter_and_in_the_schedules_and_resumed(base: Path, undisturbed: Path) -> None:
    """kill -9 between two blocks of the pass-rate filter, and in the second epoch of the stage; the rest in one go."""
    folder = base / "killed"
    folder.mkdir()
    run_dir = folder / "run"
    done = {name: len(of_stage(undisturbed, name)) for name in STAGES}
    until = [
        ("a block is kept", lambda: len(pass_rates(run_dir)) >= 4),
        ("the second epoch", lambda: any(r["data/epoch"] == 1 for r in of_stage(run_dir, "math_1"))),
    ]
    words = ["train", *WORDS]
    for what, reached in until:
        process = command.start(*words, cwd=folder)
        command.wait_for(reached, process, what)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(180)
        if what == "a block is kept":
            assert not (run_dir / "filters" / "math_1" / "selection.json").exists(), "killed too late"
        words = ["resume", "run"]
    command.run(*words, cwd=folder)
    assert command.without_clocks(command.metrics(run_dir)) == command.without_clocks(command.metrics(undisturbed))
    assert command.rollouts(run_dir) == command.rollouts(undisturbed)
    assert pass_rates(run_dir) == pass_rates(undisturbed)  # every problem once: what was there was not sampled again
    for name in ("selection.json", "dropped.jsonl", "epochs.json", "solved.jsonl"):
        ours, other = (folder / "filters" / "math_1" / name for folder in (run_dir, undisturbed))
        assert ours.read_bytes() == other.read_bytes(), name
    assert told(run_dir, "code_1/temperature.json") == told(undisturbed, "code_1/temperature.json")
    mine, theirs = command.summary(run_dir), command.summary(undisturbed)
    assert command.weights_hash(run_dir / mine["checkpoint"]) == command.weights_hash(
        undisturbed / theirs["checkpoint"]
    )
    assert [s["stopped_by"] for s in mine["stages"]] == [s["stopped_by"] for s in theirs["stages"]]
    assert {name: len(of_stage(run_dir, name)) for name in STAGES} == done


def test_a_replay_takes_over_what_the_recorded_run_found_out(base: Path, undisturbed: Path) -> None:
    folder = base / "replayed"
    folder.mkdir()
    command.run("train", *WORDS, f"train.replay={undisturbed}", cwd=folder)
    final = command.summary(undisturbed)["checkpoint"]
    assert command.summary(folder / "run")["checkpoint"] == final
    assert command.weights_hash(folder / "run" / final) == command.weights_hash(undisturbed / final)
