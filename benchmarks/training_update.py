"""One GRPO update of the tiny model: our trainer rank beside plain PyTorch with the Hugging Face model, in one run.

    .venv/bin/python benchmarks/training_update.py [repeats]

Both take the same 128 sequences (21 prompt tokens, 20 to 120 response tokens), compute the same loss, clip and step
AdamW on one thread. The peer is what one writes first: sequences sorted by length, padded micro-batches of 32, the
forward of `Qwen2ForCausalLM`. Ours goes through the driver's client, so Ray's cost is in it. Prints seconds (median)
and the ratio.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from acereason.algorithms.batch import TrainSequence
from acereason.config.compose import compose_train
from acereason.megatron.client import Trainer
from acereason.runtime.cluster import Cluster

SEQUENCES, PROMPT, VOCAB = 128, 21, 101


def batch() -> list[TrainSequence]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 121, SEQUENCES)
    weight = 1.0 / lengths.sum()
    return [
        TrainSequence(rng.integers(0, VOCAB, PROMPT + n).astype(np.int32), PROMPT, float(rng.normal()), weight)
        for n in lengths
    ]


def peer_update(model: torch.nn.Module, optimizer: torch.optim.Optimizer, sequences: list[TrainSequence]) -> float:
    """- sum of weight * advantage * log p over response tokens, one AdamW step; returns the loss."""
    total = 0.0
    optimizer.zero_grad()
    ordered = sorted(sequences, key=lambda s: len(s.tokens))
    for start in range(0, len(ordered), 32):
        part = ordered[start : start + 32]
        longest = max(len(s.tokens) for s in part)
        ids = torch.zeros(len(part), longest, dtype=torch.long)
        scale = torch.zeros(len(part), longest)
        for row, s in enumerate(part):
            ids[row, : len(s.tokens)] = torch.from_numpy(s.tokens.astype(np.int64))
            scale[row, s.prompt_length : len(s.tokens)] = s.advantage * s.token_weight
        mask = torch.arange(longest)[None] < torch.tensor([len(s.tokens) for s in part])[:, None]
        logits = model(ids, attention_mask=mask.long()).logits[:, :-1]
        logprobs = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None])[..., 0]
        loss = -(logprobs * scale[:, 1:]).sum()
        loss.backward()
        total += float(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return total


def main(repeats: int) -> None:
    torch.set_num_threads(1)
    config = compose_train(["cluster.trainer.data_parallel=1"])
    sequences, settings = batch(), config.curriculum.stages["math_1"].optimizer
    with tempfile.TemporaryDirectory() as folder, Cluster(config.cluster, Path(folder)) as cluster:
        trainer = Trainer(cluster, config.model, config.cluster, settings, seed=1)
        trainer.wait_started()
        trainer.init_random(1)
        hf = Path(folder) / "hf"
        hf.mkdir()
        trainer.save_hf(hf)
        model = AutoModelForCausalLM.from_pretrained(hf, dtype=torch.float32)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0)
        ours, theirs = [], []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            stats = trainer.train([sequences], [1e-4])[0]
            middle = time.perf_counter()
            loss = peer_update(model, optimizer, sequences)
            ours.append(middle - start)
            theirs.append(time.perf_counter() - middle)
            assert abs(stats.loss - loss) < 1e-4, "the two computed different losses"
    mine, peer = statistics.median(ours[1:]), statistics.median(theirs[1:])
    tokens = sum(len(s.tokens) for s in sequences)
    print(f"{tokens} tokens: acereason {mine:.3f} s, plain PyTorch {peer:.3f} s, ratio {peer / mine:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
