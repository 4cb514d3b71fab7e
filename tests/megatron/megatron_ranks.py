"""Runs a function on all ranks of a layout, each in a process of its own, and gathers what they return.

Processes come from a fork server that has imported Megatron-Core once, so that a launch costs a second and not ten.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import queue
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from acereason.algorithms.batch import TrainSequence
from acereason.config.schema import ModelConfig, OptimizerConfig, TrainerLayout

TIMEOUT_S = 60.0

LAYOUTS = [
    TrainerLayout(tp, pp, dp, sequence_parallel=False, threads=1, tokens_per_microbatch=130)
    for tp in (1, 2)
    for pp in (1, 2)
    for dp in (1, 2)
    if tp * pp * dp <= 4
]

OPTIMIZER = OptimizerConfig(
    lr=1e-2,
    beta1=0.9,
    beta2=0.95,
    eps=1e-4,  # larger than usual: near 0, Adam's first step is the sign of the gradient, that of a rounding error too
    weight_decay=0.1,
    clip_grad=0.5,
    schedule="constant",
    warmup_fraction=0.0,
    decay_fraction=0.0,
    min_lr_ratio=1.0,
)


def name_of(layout: TrainerLayout) -> str:
    parts = f"tp{layout.tensor_parallel}-pp{layout.pipeline_parallel}-dp{layout.data_parallel}"
    return parts + ("-sp" if layout.sequence_parallel else "")


def model_config(*, tied: bool) -> ModelConfig:
    """Qwen2 in small, with fewer key-value heads than query heads."""
    return ModelConfig(
        name="parity",
        architecture="qwen2",
        path=None,
        tokenizer="tiny",
        prompt="bare",
        num_layers=4,
        hidden_size=48,
        ffn_hidden_size=80,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=12,
        vocab_size=96,
        max_position_embeddings=256,
        rope_theta=1e4,
        rms_norm_eps=1e-6,
        tie_word_embeddings=tied,
        init_std=0.08,
        dtype="float32",
    )


def make_sequences(count: int, seed: int, *, zero_advantages: tuple[int, ...] = ()) -> list[TrainSequence]:
    """Random sequences of 8 to 60 tokens with random advantages and uneven weights."""
    draw = np.random.default_rng(seed)
    sequences = []
    for number in range(count):
        length, prompt = int(draw.integers(8, 61)), int(draw.integers(1, 8))
        advantage = 0.0 if number in zero_advantages else float(draw.normal())
        sequences.append(
            TrainSequence(
                tokens=draw.integers(0, 96, length).astype(np.int32),
                prompt_length=prompt,
                advantage=advantage,
                token_weight=float(draw.uniform(0.5, 1.5)) / (count * 30),
                sampled_logprobs=draw.normal(-4.0, 0.5, length - prompt).astype(np.float32),
            )
        )
    return sequences


def on_ranks(
    job: Callable[..., Any], model: ModelConfig, layout: TrainerLayout, *args: Any, timeout_s: float = TIMEOUT_S
) -> list[Any]:
    """`job(rank, *args)` on every rank, `rank` being a connected `TrainerRank`; the results in the order of ranks.

    `timeout_s` is the deadline of the ranks' exchanges; the job may take half as long again, and two minutes at least.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["acereason.megatron.trainer", "acereason.megatron.checkpoint"])
    ranks = layout.tensor_parallel * layout.pipeline_parallel * layout.data_parallel
    address, results = context.Queue(), context.Queue()
    processes = [
        context.Process(
            target=_rank, args=(rank, ranks, job, model, layout, args, address, results, timeout_s), daemon=True
        )
        for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    answers: dict[int, Any] = {}
    deadline = time.monotonic() + max(2 * TIMEOUT_S, 1.5 * timeout_s)
    try:
        while len(answers) < ranks:
            try:
                rank, error, answer = results.get(timeout=1.0)
            except queue.Empty:
                dead = [i for i, p in enumerate(processes) if p.exitcode not in (None, 0) and i not in answers]
                assert not dead, f"ranks {dead} died"
                assert time.monotonic() < deadline, f"only ranks {sorted(answers)} of {ranks} answered"
                continue
            assert error is None, f"rank {rank}:\n{error}"
            answers[rank] = answer
    finally:
        for process in processes:
            process.join(timeout=5.0 if len(answers) == ranks else 0.0)
            if process.is_alive():
                process.kill()
    return [answers[rank] for rank in range(ranks)]


def _rank(
    rank: int,
    ranks: int,
    job: Callable[..., Any],
    model: ModelConfig,
    layout: TrainerLayout,
    args: tuple[Any, ...],
    address: Any,
    results: Any,
    timeout_s: float,
) -> None:
    from acereason.megatron.rank import TrainerRank
    from acereason.runtime.processes import die_with_parent

    die_with_parent()
    try:
        trainer = TrainerRank(model, layout, "cpu", OPTIMIZER, rank, seed=1, timeout_s=timeout_s)
        if rank == 0:
            where = trainer.address()
            for _ in range(ranks - 1):
                address.put(where)
        else:
            where = address.get(timeout=TIMEOUT_S)
        trainer.connect(*where)
        results.put((rank, None, job(trainer, *args)))
        trainer.close()
    except BaseException:
        results.put((rank, traceback.format_exc(), None))


def without_padding(layout: TrainerLayout, tokens_per_microbatch: int) -> TrainerLayout:
    return dataclasses.replace(layout, tokens_per_microbatch=tokens_per_microbatch)


def merged(parts: list[dict[Any, Any]]) -> dict[Any, Any]:
    """One dictionary from those of the ranks, none of which may hold the same key."""
    total: dict[Any, Any] = {}
    for part in parts:
        assert not total.keys() & part.keys()
        total.update(part)
    return total


def write_random_folder(folder: Path, *, tied: bool, seed: int = 5) -> None:
    """A Hugging Face Qwen2 with random biases and norms as well, in several safetensors files."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from acereason.config.huggingface import hf_config

    torch.manual_seed(seed)
    settings = {key: value for key, value in hf_config(model_config(tied=tied)).items() if key != "architectures"}
    model = Qwen2ForCausalLM(Qwen2Config(**settings)).float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("norm.weight"):
                parameter.copy_(1.0 + 0.2 * torch.randn_like(parameter))
            elif name.endswith(".bias"):
                parameter.copy_(0.2 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.08 * torch.randn_like(parameter))
    model.save_pretrained(folder, max_shard_size="60KB")
