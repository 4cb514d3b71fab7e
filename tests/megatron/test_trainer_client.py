"""The trainer through real actors: the ranks as one, weights on their way, and what a lost rank looks like."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from megatron_ranks import OPTIMIZER, make_sequences, model_config

from acereason.algorithms.checksums import tensor_checksum
from acereason.config.schema import ClusterConfig, EngineLayout, TrainerLayout
from acereason.errors import DeadlineError, InputError, RunError
from acereason.megatron.client import Trainer
from acereason.runtime.cluster import Cluster

MODEL = model_config(tied=False)

pytestmark = pytest.mark.slow


def cluster_config(*, tensor: int = 1, pipeline: int = 1, data: int = 1) -> ClusterConfig:
    return ClusterConfig(
        name="test",
        device="cpu",
        ray_address=None,
        trainer=TrainerLayout(tensor, pipeline, data, tensor > 1, threads=1, tokens_per_microbatch=200),
        engine=EngineLayout(1, 1, 1, 8, 0.1),
        start_timeout_s=300,
        step_timeout_s=300,
    )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(cluster_config(), tmp_path / "run") as opened:
        yield opened


def test_the_ranks_are_one_trainer(cluster: Cluster, tmp_path: Path) -> None:
    trainer = Trainer(cluster, MODEL, cluster_config(pipeline=2, data=2), OPTIMIZER, seed=1)
    trainer.wait_started()
    trainer.init_random(4)
    sequences = make_sequences(7, 1)
    logprobs = trainer.logprobs(sequences, temperature=0.9)
    assert [len(values) for values in logprobs] == [s.response_length for s in sequences]

    [stats] = trainer.train([sequences], [1e-2], temperature=0.9)
    loss = -sum(s.token_weight * s.advantage * float(v.sum()) for s, v in zip(sequences, logprobs, strict=True))
    assert stats.loss == pytest.approx(loss, rel=1e-5, abs=1e-6)
    assert not stats.skipped and stats.tokens == sum(len(s.tokens) for s in sequences)

    weights, checksums = trainer.export_weights()
    assert weights.keys() == checksums.keys() and "lm_head.weight" in weights
    assert all(tensor_checksum(name, array) == checksums[name] for name, array in weights.items())

    probe = np.arange(20, dtype=np.int32)
    score = trainer.score(probe)
    trainer.save(tmp_path / "saved")
    trainer.save_hf(tmp_path / "hf")
    trainer.train([sequences], [1e-2])
    assert np.abs(trainer.score(probe) - score).max() > 1e-3
    trainer.load(tmp_path / "saved")
    np.testing.assert_array_equal(trainer.score(probe), score)
    trainer.load_hf(tmp_path / "hf")
    np.testing.assert_array_equal(trainer.score(probe), score)
    with pytest.raises(InputError, match="does not exist"):
        trainer.load(tmp_path / "nowhere")


def test_another_layout_goes_on_with_weights_and_moments(cluster: Cluster, tmp_path: Path) -> None:
    """The same three updates with and without two changes of the layout in between."""
    updates, rates = [make_sequences(7, seed) for seed in range(3)], [1e-2, 8e-3, 6e-3]

    def lay_out(tensor: int, pipeline: int, data: int) -> TrainerLayout:
        return TrainerLayout(tensor, pipeline, data, tensor > 1, threads=1, tokens_per_microbatch=200)

    trainer = Trainer(cluster, MODEL, cluster_config(data=2), OPTIMIZER, seed=1)
    trainer.wait_started()
    trainer.init_random(4)
    trainer.save(tmp_path / "start")
    expected = [trainer.train([update], [rate])[0] for update, rate in zip(updates, rates, strict=True)]
    weights, _ = trainer.export_weights()
    gone = [rank.pid().result(10, "a process id") for rank in trainer._ranks]

    trainer.load(tmp_path / "start")
    found = trainer.train(updates[:1], rates[:1])
    for number, layout in enumerate((lay_out(2, 1, 1), lay_out(1, 2, 1)), start=1):
        before = trainer.checksums()
        trainer.save(tmp_path / str(number))
        trainer.rebuild(layout)
        trainer.load(tmp_path / str(number))
        assert trainer.layout == layout
        assert trainer.checksums() == before, "weights move without a change"
        found += trainer.train([updates[number]], [rates[number]])
    for one, other in zip(found, expected, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4, abs=1e-6)
        assert one.grad_norm == pytest.approx(other.grad_norm, rel=1e-4)
    # With other moments the weights would differ by about the learning rate, 6e-3.
    for name, array in trainer.export_weights()[0].items():
        np.testing.assert_allclose(array, weights[name], rtol=0, atol=2e-5, err_msg=name)
    assert not any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in gone)


def test_a_killed_rank_is_named_at_once(cluster: Cluster) -> None:
    trainer = Trainer(cluster, MODEL, cluster_config(data=2), OPTIMIZER, seed=1)
    trainer.wait_started()
    trainer.init_random(4)
    victim = trainer._ranks[1].pid().result(10, "the process id of rank 1")
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(RunError, match="trainer rank") as caught:
        trainer.train([make_sequences(4, 1)] * 50, [1e-3] * 50)
    assert not isinstance(caught.value, DeadlineError), "found by the death, not by the deadline"


def test_a_model_that_cannot_be_cut_is_the_configuration_s_fault(cluster: Cluster) -> None:
    import dataclasses

    uneven = dataclasses.replace(MODEL, num_layers=3)
    trainer = Trainer(cluster, uneven, cluster_config(pipeline=2), OPTIMIZER, seed=1)
    with pytest.raises(InputError, match=r"model\.num_layers=3 is not divisible"):
        trainer.wait_started()
