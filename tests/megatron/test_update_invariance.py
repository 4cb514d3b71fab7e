"""What must not matter (micro-batches, packing, the number of ranks) and what must stop an update."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from megatron_ranks import OPTIMIZER, make_sequences, merged, model_config, on_ranks

from acereason.algorithms.batch import TrainSequence
from acereason.config.schema import TrainerLayout

ONE = TrainerLayout(1, 1, 1, sequence_parallel=False, threads=1, tokens_per_microbatch=130)
MODEL = model_config(tied=True)


def one_update(rank: Any, sequences: Sequence[TrainSequence]) -> dict[str, Any]:
    rank.init_random(3)
    logprobs = rank.logprobs(sequences)
    [stats] = rank.train([sequences], [1e-2])
    return {"logprobs": logprobs, "stats": stats, "weights": rank.export_weights()[0]}


def as_whole(answers: list[dict[str, Any]]) -> dict[str, Any]:
    return answers[0] | {key: merged([answer[key] for answer in answers]) for key in ("logprobs", "weights")}


@pytest.fixture(scope="module")
def sequences() -> list[TrainSequence]:
    return make_sequences(12, 6, zero_advantages=(1, 4))


@pytest.fixture(scope="module")
def unpacked(sequences: list[TrainSequence]) -> dict[str, Any]:
    """Each sequence in a micro-batch of its own, on one rank: nothing is packed."""
    return as_whole(on_ranks(one_update, MODEL, dataclasses.replace(ONE, tokens_per_microbatch=1), sequences))


@pytest.mark.parametrize(
    "change",
    [{"tokens_per_microbatch": 130}, {"tokens_per_microbatch": 100_000}, {"data_parallel": 2}, {"data_parallel": 3}],
    ids=lambda change: "-".join(f"{key}={value}" for key, value in change.items()),
)
def test_partition_changes_nothing(
    change: dict[str, int], sequences: list[TrainSequence], unpacked: dict[str, Any]
) -> None:
    found = as_whole(on_ranks(one_update, MODEL, dataclasses.replace(ONE, **change), sequences))
    for index, expected in unpacked["logprobs"].items():
        np.testing.assert_allclose(found["logprobs"][index], expected, rtol=0, atol=5e-6)
    for key in ("loss", "grad_norm", "entropy", "logprob_abs_diff_mean", "logprob_abs_diff_max"):
        assert getattr(found["stats"], key) == pytest.approx(getattr(unpacked["stats"], key), rel=1e-5), key
    assert found["stats"].tokens == unpacked["stats"].tokens
    assert found["stats"].response_tokens == unpacked["stats"].response_tokens
    for name, array in unpacked["weights"].items():
        np.testing.assert_allclose(found["weights"][name], array, rtol=0, atol=1e-5, err_msg=name)


def test_a_rank_without_a_sequence_takes_part(sequences: list[TrainSequence]) -> None:
    alone = as_whole(on_ranks(one_update, MODEL, ONE, sequences[:1]))
    shared = as_whole(on_ranks(one_update, MODEL, dataclasses.replace(ONE, data_parallel=2), sequences[:1]))
    assert shared["stats"].loss == pytest.approx(alone["stats"].loss, rel=1e-6)
    assert shared["stats"].grad_norm == pytest.approx(alone["stats"].grad_norm, rel=1e-6)
    for name, array in alone["weights"].items():
        np.testing.assert_allclose(shared["weights"][name], array, rtol=0, atol=1e-6, err_msg=name)


def zero_advantages_add_nothing(rank: Any, sequences: list[TrainSequence]) -> tuple[Any, Any, bool]:
    rank.init_random(3)
    [with_zeros] = rank.train([sequences], [1e-2])
    first = rank.export_weights()[1]
    rank.reset_optimizer(OPTIMIZER)
    rank.init_random(3)
    [without] = rank.train([[s for s in sequences if s.advantage]], [1e-2])
    return with_zeros, without, first == rank.export_weights()[1]


def test_zero_advantages_are_measured_and_add_nothing(sequences: list[TrainSequence]) -> None:
    [(with_zeros, without, same_weights)] = on_ranks(zero_advantages_add_nothing, MODEL, ONE, sequences)
    assert same_weights, "bit for bit"
    assert with_zeros.loss == without.loss and with_zeros.grad_norm == without.grad_norm
    assert with_zeros.response_tokens == sum(s.response_length for s in sequences)
    assert without.response_tokens < with_zeros.response_tokens
    assert with_zeros.entropy != without.entropy


def skipped_updates(rank: Any, sequences: list[TrainSequence]) -> dict[str, Any]:
    rank.init_random(3)
    rank.train([sequences], [1e-2])  # moments that would move the weights
    before = rank.export_weights()[1]
    zeros = [dataclasses.replace(s, advantage=0.0) for s in sequences]
    broken = [dataclasses.replace(sequences[0], advantage=float("inf")), *sequences[1:]]
    stats = rank.train([zeros, broken], [1e-2, 1e-2])
    untouched = rank.export_weights()[1] == before
    [after] = rank.train([sequences], [1e-2])
    went_on = rank.export_weights()[1]

    rank.reset_optimizer(OPTIMIZER)
    rank.init_random(3)
    rank.train([sequences], [1e-2])
    [expected] = rank.train([sequences], [1e-2])
    return {
        "stats": stats,
        "untouched": untouched,
        "as if nothing had been": (after, went_on) == (expected, rank.export_weights()[1]),
    }


@pytest.mark.parametrize("layout", [ONE, dataclasses.replace(ONE, data_parallel=2)], ids=["one rank", "two ranks"])
def test_updates_without_advantage_or_with_a_broken_gradient_are_skipped(
    layout: TrainerLayout, sequences: list[TrainSequence]
) -> None:
    for answer in on_ranks(skipped_updates, MODEL, layout, sequences):
        no_advantage, broken = answer["stats"]
        assert no_advantage.skipped and no_advantage.grad_norm == 0.0 and no_advantage.loss == 0.0
        assert no_advantage.entropy > 0 and no_advantage.logprob_abs_diff_max > 0, "the metrics are there all the same"
        assert broken.skipped and not np.isfinite(broken.grad_norm)
        assert answer["untouched"], "weights stay bit for bit"
        assert answer["as if nothing had been"], "and so do moments and step count"


def many_in_one_call(rank: Any, sequences: list[TrainSequence]) -> tuple[list[Any], list[Any]]:
    updates, rates = [sequences[i : i + 3] for i in (0, 3, 6, 9)], [1e-2, 5e-3, 2e-3, 1e-3]
    rank.init_random(3)
    together = rank.train(updates, rates), rank.export_weights()[1]
    rank.reset_optimizer(OPTIMIZER)
    rank.init_random(3)
    apart = [rank.train([u], [r])[0] for u, r in zip(updates, rates, strict=True)], rank.export_weights()[1]
    return together, apart


def test_updates_of_one_call_equal_single_calls(sequences: list[TrainSequence]) -> None:
    [(together, apart)] = on_ranks(many_in_one_call, MODEL, ONE, sequences)
    assert together == apart


def refusals(rank: Any, sequences: list[TrainSequence]) -> list[str]:
    rank.init_random(3)
    messages = []
    outside = dataclasses.replace(sequences[0], tokens=sequences[0].tokens + 90)
    for bad in (lambda: rank.train([[outside]], [1e-2]), lambda: rank.train([sequences], [1e-2, 1e-2])):
        try:
            bad()
        except Exception as error:
            messages.append(f"{type(error).__name__}: {error}")
    return messages


def test_what_cannot_be_trained_on_is_refused(sequences: list[TrainSequence]) -> None:
    [messages] = on_ranks(refusals, MODEL, ONE, sequences)
    assert "RunError" in messages[0] and "the model's vocabulary is 0..95" in messages[0]
    assert "ValueError: 1 updates but 2 learning rates" in messages[1]


def scores(rank: Any, tokens: np.ndarray) -> tuple[Any, Any]:
    rank.init_random(3)
    whole = TrainSequence(tokens, 1, 0.0, 0.0)
    return rank.score(tokens), rank.logprobs([whole]).get(0)


def test_score_is_the_log_probability_of_all_tokens_but_the_first() -> None:
    tokens = np.arange(10, 40, dtype=np.int32)
    [(score, logprobs)] = on_ranks(scores, MODEL, ONE, tokens)
    assert score.shape == (29,) and score.dtype == np.float32
    np.testing.assert_array_equal(score, logprobs)
    answers = on_ranks(scores, MODEL, dataclasses.replace(ONE, pipeline_parallel=2, data_parallel=2), tokens)
    given = [answer[0] for answer in answers if answer[0] is not None]
    assert len(given) == 1
    np.testing.assert_allclose(given[0], score, rtol=0, atol=5e-6)
