"""From verdicts to what the trainer is given, on numbers worked by hand."""

import math

import numpy as np
import pytest

from acereason.algorithms.batch import UpdateStats
from acereason.errors import RunError
from acereason.evaluation.sampling import Job, Judged
from acereason.problems import Problem, Verdict
from acereason.rollout.requests import Completion, Request
from acereason.steps import check_agreement, check_verifier_health, credit, rollout_row, sequences_of


def judged(verdict: str, length: int, number: int = 0) -> Judged:
    request = Request(f"p/{number}", np.array([1, 2], dtype=np.int32), 7, 16, 1.0, 1.0, 2)
    completion = Completion(
        request.id, np.arange(length, dtype=np.int32), np.full(length, -0.5, dtype=np.float32), "stop"
    )
    return Judged(Job(request, Problem("p", "math", "1+1?", "test", answer="2")), completion, "text", Verdict(verdict))


def test_credit_by_hand() -> None:
    # rewards 1, 0, 0, 1: mean 1/2, unbiased std sqrt(4 * 1/4 / 3) = 1/sqrt(3); advantage +-(1/2) * sqrt(3)
    group = [judged(v, 3) for v in ("correct", "wrong", "no_answer", "correct")]
    rewards, advantages = credit(group, 4, eps=0.0)
    assert rewards.tolist() == [[1, 0, 0, 1]]
    assert advantages[0] == pytest.approx(np.array([1, -1, -1, 1]) * math.sqrt(3) / 2)


def test_a_verifier_failure_is_masked_and_never_a_reward_of_zero() -> None:
    # without the second response the group is 1, 0: mean 1/2, std sqrt(1/2); advantage +-(1/2) / sqrt(1/2)
    group = [judged("correct", 2), judged("infra_error", 5), judged("wrong", 4)]
    rewards, advantages = credit(group, 3, eps=0.0)
    assert math.isnan(rewards[0, 1])
    assert advantages[0] == pytest.approx([math.sqrt(0.5), 0.0, -math.sqrt(0.5)])
    sequences = sequences_of(group, advantages, 3, "batch")
    assert [s.token_weight for s in sequences if s.advantage != 0] == pytest.approx([1 / 6, 1 / 6])


def test_equal_rewards_add_nothing_but_their_tokens_count() -> None:
    batch = [judged("correct", 1), judged("wrong", 3), judged("correct", 4), judged("correct", 2)]
    _, advantages = credit(batch, 2, eps=1e-6)
    assert advantages[1].tolist() == [0.0, 0.0]
    # aggregation=batch: 1 / (1 + 3 + 4 + 2); aggregation=group: 1 / (2 groups * 4 tokens of the first group)
    assert sequences_of(batch, advantages, 2, "batch")[0].token_weight == pytest.approx(1 / 10)
    assert sequences_of(batch, advantages, 2, "group")[0].token_weight == pytest.approx(1 / 8)


def test_sequences_hold_prompt_and_response() -> None:
    sequence = sequences_of([judged("correct", 3), judged("wrong", 2)], np.array([[1.0, -1.0]]), 2, "batch")[0]
    assert sequence.tokens.tolist() == [1, 2, 0, 1, 2]
    assert sequence.prompt_length == 2
    assert sequence.sampled_logprobs is not None
    assert sequence.sampled_logprobs.tolist() == [-0.5] * 3


def test_too_many_verifier_failures_stop_the_run() -> None:
    batch = [judged("infra_error", 1), judged("correct", 1), judged("wrong", 1), judged("wrong", 1)]
    check_verifier_health(batch, 0.25)
    with pytest.raises(RunError, match="1 of 4"):
        check_verifier_health(batch, 0.2)


@pytest.mark.parametrize(("gap", "fine"), [(5e-5, True), (None, True), (2e-4, False), (math.nan, False)])
def test_trainer_and_engine_must_agree(gap: float | None, fine: bool) -> None:
    stats = UpdateStats(0.0, 1.0, False, 0.1, gap, gap, 10, 5)
    if fine:
        check_agreement(stats, 1e-4)
    else:
        with pytest.raises(RunError, match="sync_tolerance"):
            check_agreement(stats, 1e-4)


def test_a_recorded_response_holds_all_that_a_replay_needs() -> None:
    row = rollout_row(judged("correct", 3), 0.5)
    assert {"id", "problem_id", "text", "finish_reason", "tokens", "seed"} <= set(row)
    assert row["token_ids"] == [0, 1, 2]
    assert np.array(row["logprobs"], dtype=np.float32).tolist() == [-0.5] * 3
