"""bfloat16 parameters with float32 gradients and optimizer weights: what GPUs run, here on CPU."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from megatron_ranks import make_sequences, merged, model_config, on_ranks

from acereason.config.schema import TrainerLayout

ONE = TrainerLayout(1, 1, 1, sequence_parallel=False, threads=1, tokens_per_microbatch=130)
WIDE = model_config(tied=True)
NARROW = dataclasses.replace(WIDE, dtype="bfloat16")
SEQUENCES = make_sequences(8, 3)


def one_update(rank: Any, folder: Path) -> dict[str, Any]:
    rank.init_random(3)
    logprobs = rank.logprobs(SEQUENCES)
    [stats] = rank.train([SEQUENCES], [1e-2])
    rank.save(folder)
    rank.train([SEQUENCES] * 2, [1e-5] * 2)  # steps far below the resolution of bfloat16: only float32 weights see them
    return {"logprobs": logprobs, "stats": stats, "sums": rank.export_weights()[1], "weights": rank.export_weights()[0]}


def load_and_go_on(rank: Any, folder: Path) -> dict[str, str]:
    rank.init_random(9)
    rank.load(folder)
    rank.train([SEQUENCES] * 2, [1e-5] * 2)
    return dict(rank.export_weights()[1])


@pytest.mark.parametrize(
    "layout", [ONE, dataclasses.replace(ONE, tensor_parallel=2, sequence_parallel=True)], ids=["tp1", "tp2-sp"]
)
def test_is_near_float32_and_continues_bit_for_bit(layout: TrainerLayout, tmp_path: Path) -> None:
    [wide] = on_ranks(one_update, WIDE, ONE, tmp_path / "wide")
    answers = on_ranks(one_update, NARROW, layout, tmp_path / "narrow")
    narrow = merged([answer["logprobs"] for answer in answers])
    for index, expected in wide["logprobs"].items():
        # Eight bits of mantissa: relative rounding 2^-9, times the size of logits and a few layers.
        np.testing.assert_allclose(narrow[index], expected, rtol=0, atol=0.1)
    assert answers[0]["stats"].loss == pytest.approx(wide["stats"].loss, rel=0.05, abs=5e-3)
    assert answers[0]["stats"].grad_norm == pytest.approx(wide["stats"].grad_norm, rel=0.05)
    for array in merged([answer["weights"] for answer in answers]).values():
        assert array.dtype == np.float32 and not (array.view(np.uint32) & 0xFFFF).any(), "exactly the bfloat16 values"

    resumed = merged(on_ranks(load_and_go_on, NARROW, layout, tmp_path / "narrow"))
    assert resumed == merged([answer["sums"] for answer in answers])
