"""Every objective on the real stack, a stage for each, and its loss worked out again from what was recorded."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acereason.learning import split_groups
from acereason.seeds import derive_seed
from tests.end_to_end import command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SEED, GROUP, PROMPTS, BUFFER = 7, 4, 4, 60
STILL = 1e-9  # a learning rate at which weights stay what they are, and with them ratios and log-probabilities
STAGES = {  # one step each: (updates, overlong policy, longest response, learning rate)
    "math_1": (1, "soft", 72, STILL),
    "math_2": (2, "mask", 40, STILL),
    "math_3": (4, "soft", 72, STILL),
    "code_1": (1, "zero", 72, STILL),  # made a mixed stage
    "math_4": (4, "soft", 72, 4e-3),
}
CHECKED = ("math_1", "math_2", "math_3", "code_1")
WORDS = [
    "cluster.engine.engines=1",
    f"seed={SEED}",
    "data.sft_rows=480",
    "data.train_per_domain=16",
    "data.heldout_per_domain=1",
    "eval.samples_per_problem=1",
    "curriculum.stages.sft.steps=1",
    "curriculum.stages.sft.updates_per_step=40",
    "curriculum.stages.code_1.domain=mixed",
    # the second math stage is trained on ranks of another layout
    "curriculum.stages.math_2.layout.tensor_parallel=2",
    "curriculum.stages.math_2.layout.data_parallel=1",
    "curriculum.stages.math_2.layout.sequence_parallel=true",
]
for name, (updates, policy, longest, rate) in STAGES.items():
    key = f"curriculum.stages.{name}"
    WORDS += [
        f"{key}.steps=1",
        f"{key}.prompts_per_step={PROMPTS}",
        f"{key}.group_size={GROUP}",
        f"{key}.updates_per_step={updates}",
        f"{key}.overlong.policy={policy}",
        f"{key}.max_response_length={longest}",
        f"{key}.optimizer.lr={rate}",
    ]
    if policy == "soft":
        WORDS.append(f"{key}.overlong.buffer={BUFFER}")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objectives")
    command.run("train", *WORDS, "run_dir=run", cwd=folder, timeout_s=1600)
    return folder / "run"


def worked_by_hand(stage: str, rows: list[dict[str, Any]], aggregation: str) -> tuple[float, np.ndarray]:
    """(`policy/loss`, advantages) of a stage's only step, from its recorded responses and the written formulas.

    Several updates: their ratios are 1, so that the loss of each is the sum of its weights times advantages.
    """
    updates, policy, longest, _ = STAGES[stage]
    lengths = np.array([row["tokens"] for row in rows], dtype=float)
    cut = np.array([row["finish_reason"] == "length" for row in rows])
    scores = np.array([row["reward"] for row in rows])
    if policy == "soft":
        scores = scores - np.minimum(1.0, np.maximum(0.0, lengths - (longest - BUFFER)) / BUFFER)
    groups = scores.reshape(-1, GROUP)
    advantages = (groups - groups.mean(1, keepdims=True)) / (groups.std(1, ddof=1, keepdims=True) + 1e-6)
    advantages[np.ptp(groups, axis=1) == 0] = 0.0
    advantages = advantages.reshape(-1)
    counted = ~cut if policy == "mask" else np.ones_like(cut)
    advantages[~counted] = 0.0
    totals = np.array([sum(row["logprobs"]) for row in rows]) if updates == 1 else lengths
    losses = []
    for part in split_groups(PROMPTS, updates, derive_seed(SEED, stage, 1, "updates")):
        chosen = [i for i in range(len(rows)) if i // GROUP in part and counted[i]]
        loss = 0.0
        for i in chosen:
            own = [j for j in chosen if j // GROUP == i // GROUP]
            divisor = {
                "batch": lengths[chosen].sum(),
                "group": lengths[own].sum() * len({j // GROUP for j in chosen}),
                "sequence": lengths[i] * len(chosen),
            }[aggregation]
            loss -= advantages[i] * totals[i] / divisor
        losses.append(loss)
    return float(np.mean(losses)), advantages


def by_stage(run_dir: Path) -> dict[str, dict[str, Any]]:
    return {row["stage"]: row for row in command.metrics(run_dir)}


def check_losses(run_dir: Path, source: Path, aggregation: str) -> None:
    responses = command.rollouts(source)
    for stage in CHECKED:
        loss, advantages = worked_by_hand(stage, responses[f"{stage}/step_000001.jsonl.gz"], aggregation)
        assert by_stage(run_dir)[stage]["policy/loss"] == pytest.approx(loss, rel=1e-5, abs=1e-5), stage
        if source.name == "dealt":
            assert np.abs(advantages).max() > 0 and loss != 0, f"{stage}: nothing was learnt, so nothing was tested"


def test_the_losses_agree_with_the_formulas(recorded: Path) -> None:
    check_losses(recorded, recorded, "batch")
    for stage, rows in command.rollouts(recorded).items():
        name = stage.split("/")[0]
        _, advantages = worked_by_hand(name, rows, "batch")
        np.testing.assert_allclose([row["advantage"] for row in rows], advantages, rtol=1e-9, atol=1e-12)
        assert {row["reward"] for row in rows} <= {0.0, 1.0}, "the verifier's reward, whatever the policy"
        assert any("score" in row for row in rows) == (STAGES[name][1] == "soft")


def test_each_policy_and_number_of_updates_shows_in_the_metrics(recorded: Path) -> None:
    found = by_stage(recorded)
    rows = command.rollouts(recorded)["math_2/step_000001.jsonl.gz"]
    cut = sum(row["finish_reason"] == "length" for row in rows) / len(rows)
    assert 0 < cut < 1, "the masked stage has truncated responses and others"
    assert found["math_2"]["response/masked"] == pytest.approx(cut)
    assert found["math_3"]["reward/score_mean"] < found["math_3"]["reward/mean"]
    for stage, (updates, *_) in STAGES.items():
        assert ("policy/clip_fraction" in found[stage]) == (updates > 1)
        assert found[stage]["sync/logprob_abs_diff_max"] < 1e-4
    assert found["math_2"]["policy/ratio_max"] == pytest.approx(1.0, abs=1e-4)
    moved = found["math_4"]
    assert moved["policy/kl_old"] > 1e-6 and moved["policy/ratio_max"] > 1.001
    assert {"reward/mean/math", "reward/mean/code"} <= set(found["code_1"])


@pytest.fixture(scope="module")
def dealt(recorded: Path) -> Path:
    """The recorded run with verdicts dealt out at random: a model this young gets next to nothing right."""
    copy = recorded.parent / "dealt"
    shutil.copytree(recorded, copy)
    draw = np.random.default_rng(0)
    for path in sorted((copy / "rollouts").glob("*/step_*.jsonl.gz")):
        with gzip.open(path, "rt") as stream:
            rows = [json.loads(line) for line in stream]
        for row in rows:
            if row["finish_reason"] != "length":
                row["verdict"], row["reward"] = [("wrong", 0.0), ("correct", 1.0)][int(draw.integers(2))]
        with gzip.open(path, "wt") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
    return copy


def replay(source: Path, aggregation: str, *more: str) -> Path:
    name = f"{source.name}_{aggregation}" + ("_more" if more else "")
    words = [*WORDS, f"train.replay={source}", f"algorithm.aggregation={aggregation}", f"run_dir={name}", *more]
    command.run("train", *words, cwd=source.parent, timeout_s=1600)
    return source.parent / name


def test_the_losses_of_groups_agree_with_the_formulas(dealt: Path) -> None:
    check_losses(replay(dealt, "group"), dealt, "group")


def test_the_losses_of_sequences_agree_with_the_formulas_under_reward_noise(dealt: Path) -> None:
    rates = {"false_positive": 0.4, "false_negative": 0.3}
    run_dir = replay(dealt, "sequence", *(f"verifier.noise.{name}={rate}" for name, rate in rates.items()))
    check_losses(run_dir, run_dir, "sequence")  # from the rewards that were paid
    given, flips = command.rollouts(dealt), []
    for file, rows in command.rollouts(run_dir).items():
        stage = file.split("/")[0]
        found = []
        for row, before in zip(rows, given[file], strict=True):
            assert row["verdict"] == before["verdict"], "noise touches no verdict"
            drawn = derive_seed("noise", SEED, stage, 1, row["problem_id"], int(row["id"].rpartition("/")[2])) / 2**31
            kind = {"correct": "false_negative", "wrong": "false_positive"}.get(row["verdict"])
            found.append(kind if kind and drawn < rates[kind] else None)
            assert row.get("noise") == found[-1]
            assert row["reward"] == (before["reward"] if found[-1] is None else 1.0 - before["reward"])
        metrics = by_stage(run_dir)[stage]
        for kind in rates:
            assert metrics[f"noise/{kind}"] == pytest.approx(found.count(kind) / len(rows))
        assert metrics["reward/mean"] == pytest.approx(np.mean([row["reward"] for row in rows]))
        assert metrics["reward/true_mean"] == pytest.approx(np.mean([row["verdict"] == "correct" for row in rows]))
        flips += found
    assert {"false_positive", "false_negative"} <= set(flips)
    assert "before noise" in (run_dir / "report.html").read_text()


def test_several_updates_are_replayed_bit_for_bit(recorded: Path) -> None:
    again = replay(recorded, "batch")
    checkpoint = command.summary(recorded)["checkpoint"]
    assert command.weights_hash(again / checkpoint) == command.weights_hash(recorded / checkpoint)
    for stage, row in by_stage(again).items():
        policy = {key: value for key, value in row.items() if key.startswith("policy/")}
        assert policy == {key: value for key, value in by_stage(recorded)[stage].items() if key.startswith("policy/")}
