"""Micro-batches: nothing lost, nothing mixed up, the limit kept, and the same every time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from megatron_ranks import make_sequences

from acereason.algorithms.batch import TrainSequence
from acereason.megatron.packing import attention_buckets, bin_sequences, microbatches, pack, split_over_ranks

LENGTHS = st.lists(st.integers(1, 200), max_size=60)


@given(LENGTHS, st.integers(1, 5))
def test_split_gives_each_sequence_to_one_rank_in_balance(lengths: list[int], ranks: int) -> None:
    shares = split_over_ranks(lengths, ranks)
    assert sorted(i for share in shares for i in share) == list(range(len(lengths)))
    assert all(share == sorted(share) for share in shares)
    loads = [sum(lengths[i] for i in share) for share in shares]
    # Each sequence went to the lightest load, so no two loads differ by more than the longest sequence.
    assert max(loads) - min(loads) <= max(lengths, default=0)


@given(LENGTHS, st.integers(1, 400))
def test_bins_hold_each_sequence_once_and_keep_the_limit(lengths: list[int], limit: int) -> None:
    bins = bin_sequences(lengths, limit)
    assert sorted(i for members in bins for i in members) == list(range(len(lengths)))
    for members in bins:
        assert len(members) == 1 or sum(lengths[i] for i in members) <= limit
        assert members


@given(st.lists(st.integers(1, 200), min_size=1, max_size=60))
@settings(max_examples=50)
def test_attention_buckets_waste_at_most_a_quarter(lengths: list[int]) -> None:
    buckets = attention_buckets(np.array(lengths), max_waste=0.25)
    assert sorted(i for members in buckets for i in members) == list(range(len(lengths)))
    for members in buckets:
        real = [lengths[i] for i in members]
        assert sum(real) >= 0.75 * max(real) * len(real)


def test_pack_by_hand() -> None:
    def sequence(tokens: list[int], prompt: int, advantage: float, sampled: list[float] | None) -> TrainSequence:
        known = None if sampled is None else np.array(sampled, dtype=np.float32)
        return TrainSequence(np.array(tokens, dtype=np.int32), prompt, advantage, 0.5, known)

    batch = pack(
        [sequence([1, 2, 3], 1, 2.0, [-1, -2]), sequence([9], 1, 5.0, []), sequence([4, 5, 6, 7], 3, -1.0, None)],
        [2, 1, 0],
        multiple_of=6,
    )
    np.testing.assert_array_equal(batch.tokens, [4, 5, 6, 7, 9, 1, 2, 3, 0, 0, 0, 0])
    np.testing.assert_array_equal(batch.cu_seqlens, [0, 4, 5, 8])
    np.testing.assert_array_equal(batch.predictors, [2, 5, 6], "7 is predicted at 6; 2 and 3 at 1 and 2")
    np.testing.assert_array_equal(batch.targets, [7, 2, 3])
    np.testing.assert_array_equal(batch.cu_responses, [0, 1, 1, 3])
    np.testing.assert_array_equal(batch.advantages, [-1, 2, 2])
    np.testing.assert_array_equal(batch.weights, [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(batch.sampled_logprobs, [np.nan, -1, -2])


@pytest.mark.parametrize("limit", [1, 100, 10_000])
def test_micro_batches_are_the_same_every_time(limit: int) -> None:
    sequences = make_sequences(20, 4)
    first, second = (microbatches(sequences, [3, 5, 7, 11, 13], limit, 2) for _ in range(2))
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        for field in vars(one):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
        assert len(one.tokens) % 2 == 0
    assert microbatches(sequences, [], limit) == []
