"""The predicted peak of activations and logits against tensors followed in real updates."""

from __future__ import annotations

import dataclasses

import pytest
from megatron_ranks import on_ranks
from updates import M50, M200, PROMPT, peak_of_update

from acereason.config.schema import ModelConfig, TrainerLayout
from acereason.plan.activations import (
    CHUNK_ELEMENTS,
    MicroBatch,
    activations,
    saved_without_recompute,
    worst_microbatch,
)


def layout_of(tp: int, pp: int, recompute: str, tokens: int) -> TrainerLayout:
    return TrainerLayout(tp, pp, 1, tp > 1, threads=1, tokens_per_microbatch=tokens, recompute=recompute)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "dtype", "tp", "pp", "recompute", "tokens"),
    [
        (M50, "float32", 1, 1, "none", 1100),  # two chunks of logits
        (M50, "bfloat16", 2, 1, "none", 128),
        (M50, "bfloat16", 1, 2, "none", 128),
        (M50, "bfloat16", 2, 1, "full", 128),
        (M50, "float32", 1, 2, "full", 256),
        (M200, "bfloat16", 1, 1, "full", 128),
    ],
    ids=["50M", "50M-tp2", "50M-pp2", "50M-tp2-full", "50M-pp2-full", "200M-full"],
)
def test_peak_within_a_tenth(model: ModelConfig, dtype: str, tp: int, pp: int, recompute: str, tokens: int) -> None:
    model = dataclasses.replace(model, dtype=dtype)
    layout = layout_of(tp, pp, recompute, tokens)
    batches = 3 if pp > 1 else 1
    batch = MicroBatch(tokens, tokens - PROMPT, tokens, one_call=True)
    # A processor without bfloat16 of its own takes minutes for what others do in seconds.
    found = on_ranks(peak_of_update, model, layout, [tokens] * batches, timeout_s=300.0)
    for rank, measured in enumerate(found):
        predicted = activations(model, layout, batch, rank // tp, "cpu", batches).peak
        assert predicted == pytest.approx(measured, rel=0.1), f"rank {rank}"


def test_kept_by_a_layer_by_hand() -> None:
    """T 10, h 8, 2 heads of 4 sharing one key-value head, ffn 12, 4 bytes a number.

    Two hidden vectors and the two outputs of norms: 4 x 80 numbers, their scales 2 x 10; query, keys and values
    repeated, output: 4 x 80; keys and values themselves 2 x 40; log-sum-exp 2 x 10; gate and up 240, their product 120.
    """
    model = dataclasses.replace(
        M50, hidden_size=8, num_attention_heads=2, num_key_value_heads=1, head_dim=4, ffn_hidden_size=12
    )
    batch = MicroBatch(10, 8, 10, one_call=True)
    expected = 4 * (4 * 80 + 2 * 10 + 4 * 80 + 2 * 40 + 2 * 10 + 240 + 120)
    assert saved_without_recompute(model, layout_of(1, 1, "none", 10), batch) == expected


def test_kept_by_a_layer_as_published() -> None:
    """Korthikanti et al. (arXiv 2205.05198): 34 s b h bytes without the attention matrix, of which 2 are dropout masks.

    A SwiGLU of 8 h / 3 keeps as much as their GELU of 4 h. Besides, in float32: the scales of two norms, log-sum-exp.
    """
    model = dataclasses.replace(
        M50, hidden_size=384, num_attention_heads=6, num_key_value_heads=6, ffn_hidden_size=1024, dtype="bfloat16"
    )
    batch = MicroBatch(100, 80, 100, one_call=True)
    expected = (34 - 2) * 100 * 384 + 4 * 100 * (2 + 6)
    assert saved_without_recompute(model, layout_of(1, 1, "none", 100), batch) == expected


def test_constants_are_those_of_the_trainer() -> None:
    from acereason.megatron import logprobs

    assert CHUNK_ELEMENTS == {"cpu": logprobs.CHUNK_ELEMENTS, "cuda": logprobs.CUDA_CHUNK_ELEMENTS}


def test_worst_microbatch_is_one_long_sequence_or_full() -> None:
    layout = layout_of(1, 1, "none", 1000)
    assert worst_microbatch(layout, 100, 3000, 8, "cpu") == MicroBatch(3100, 3000, 3100, one_call=True)
    short = worst_microbatch(layout, 20, 80, 50, "cpu")
    assert (short.tokens, short.responses, short.one_call) == (1000, 800, False)
    assert short.attended == 1333  # a quarter of it padding


def test_tensor_parallel_with_sequence_parallel_halves_what_is_kept() -> None:
    """Everything that a layer keeps is then cut, by heads, by the feed-forward size, or by tokens."""
    batch = MicroBatch(512, 480, 512, one_call=True)
    one, two = (saved_without_recompute(M50, layout_of(tp, 1, "none", 512), batch) for tp in (1, 2))
    assert two * 2 == one
