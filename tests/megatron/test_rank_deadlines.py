"""No rank waits for ever: what a missing and a silent rank look like from the others."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from megatron_ranks import OPTIMIZER, make_sequences, model_config, on_ranks

from acereason.config.schema import TrainerLayout
from acereason.errors import DeadlineError

TWO = TrainerLayout(1, 1, 2, sequence_parallel=False, threads=1, tokens_per_microbatch=130)
MODEL = model_config(tied=True)


def one_is_silent(rank: Any) -> str:
    rank.init_random(1)
    sequences = make_sequences(4, 1)
    rank.train([sequences], [1e-3])
    if "rank 1" in rank.ping():
        time.sleep(8.0)  # longer than the deadline, and then gone
        return ""
    try:
        rank.train([sequences], [1e-3])
    except DeadlineError as error:
        return str(error)
    return "no error"


def test_a_silent_rank_is_a_missed_deadline_with_a_name() -> None:
    message, _ = on_ranks(one_is_silent, MODEL, TWO, timeout_s=4.0)
    assert "trainer rank 0 (tensor 0, data 0, pipeline 0)" in message
    assert "in train" in message and "cluster.step_timeout_s" in message


def never_joined(_: Any) -> str:
    """A second trainer in this process, whose partner does not exist."""
    from acereason.megatron.rank import TrainerRank

    _.close()
    lonely = TrainerRank(MODEL, TWO, "cpu", OPTIMIZER, 0, seed=1, timeout_s=2.0)
    try:
        lonely.connect(*lonely.address())
    except DeadlineError as error:
        return str(error)
    return "no error"


def test_ranks_that_do_not_all_come_are_a_missed_deadline() -> None:
    [message] = on_ranks(never_joined, MODEL, dataclasses.replace(TWO, data_parallel=1))
    assert "joining the process group" in message
