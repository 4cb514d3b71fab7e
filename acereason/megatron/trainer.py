"""Forward and backward over packed micro-batches, and one optimizer update from a list of sequences."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from megatron.core import parallel_state, tensor_parallel
from megatron.core.pipeline_parallel import get_forward_backward_func
from numpy.typing import NDArray
from torch import Tensor

from acereason.algorithms.batch import TrainSequence, UpdateStats
from acereason.algorithms.losses import policy_loss
from acereason.config.schema import ModelConfig, TrainerLayout
from acereason.errors import RunError
from acereason.megatron.logprobs import token_logprobs
from acereason.megatron.optimizer import Optimization
from acereason.megatron.packed import RotaryTable, packed_batch
from acereason.megatron.packing import MicroBatch, microbatches, split_over_ranks
from acereason.megatron.parallel import Place

LOSS, ENTROPY, RESPONSE_TOKENS, DIFF, DIFF_TOKENS, DIFF_MAX = range(6)
"""Columns of the sums a rank keeps of an update; all add up over ranks but the last, which is a maximum."""


class Updater:
    """Runs updates and forward passes of this rank; every rank of the layout must be called with the same arguments."""

    def __init__(
        self, optimization: Optimization, model: ModelConfig, layout: TrainerLayout, place: Place, device: torch.device
    ) -> None:
        self._optimization = optimization
        self._policy = optimization.model.module
        self._layout, self._place, self._device, self._vocab = layout, place, device, model.vocab_size
        self._rotary = RotaryTable(model.head_dim, model.rope_theta, device)
        self._schedule = get_forward_backward_func()
        self._sequence_parallel = layout.sequence_parallel and layout.tensor_parallel > 1
        self._tensor_group = parallel_state.get_tensor_model_parallel_group() if layout.tensor_parallel > 1 else None
        # Tensor-parallel ranks of the last stage all hold the results: one of them reports.
        self._reports = place.tensor == 0 and place.pipeline == layout.pipeline_parallel - 1

    def train(
        self, updates: Sequence[Sequence[TrainSequence]], learning_rates: Sequence[float], temperature: float
    ) -> list[UpdateStats]:
        """One optimizer update for each list of sequences, at its learning rate.

        Sequences outside the loss (advantage 0) go forward only, for the metrics. An update in which no sequence is in
        the loss is skipped: AdamW would else move the weights by momentum and decay alone. Statistics are the same on
        all ranks.
        """
        if len(updates) != len(learning_rates):
            raise ValueError(f"{len(updates)} updates but {len(learning_rates)} learning rates")
        sums = np.zeros((len(updates), 6))
        steps = []
        for update, learning_rate, row in zip(updates, learning_rates, sums, strict=True):
            self._check(update)
            # Each kind is balanced over the ranks by itself: a backward costs twice a forward.
            in_loss, others = (self._mine(update, kind) for kind in (True, False))
            self._collect(self._run(update, others, temperature, backward=False), row)
            if not any(sequence.in_loss for sequence in update):
                steps.append((0.0, True))
                continue
            self._optimization.zero()
            self._collect(self._run(update, in_loss, temperature, backward=True), row)
            result = self._optimization.step(learning_rate)
            steps.append((result.grad_norm, not result.applied))
        self._add_up(sums)
        return [
            _stats(update, row, grad_norm, skipped)
            for update, row, (grad_norm, skipped) in zip(updates, sums, steps, strict=True)
        ]

    def _mine(self, update: Sequence[TrainSequence], in_loss: bool) -> list[int]:
        """This data-parallel rank's share of the sequences that are, or are not, in the loss."""
        kind = [index for index, sequence in enumerate(update) if sequence.in_loss == in_loss]
        shares = split_over_ranks([len(update[index].tokens) for index in kind], self._layout.data_parallel)
        return [kind[place] for place in shares[self._place.data]]

    def logprobs(self, sequences: Sequence[TrainSequence], temperature: float) -> dict[int, NDArray[np.float32]]:
        """Log-probabilities [response] of this rank's sequences by index; empty on ranks that do not report."""
        self._check(sequences)
        mine = split_over_ranks([len(s.tokens) for s in sequences], self._layout.data_parallel)[self._place.data]
        results = {}
        for batch, logprobs, _ in self._run(sequences, mine, temperature, backward=False):
            for member, start, end in zip(batch.members, batch.cu_responses[:-1], batch.cu_responses[1:], strict=True):
                results[int(member)] = logprobs[start:end].copy()
        return results if self._reports else {}

    def _run(
        self, sequences: Sequence[TrainSequence], members: Sequence[int], temperature: float, *, backward: bool
    ) -> list[tuple[MicroBatch, NDArray[np.float32], NDArray[np.float32]]]:
        """Runs the members; on the last stage each micro-batch with its log-probabilities and entropies [R]."""
        batches = microbatches(
            sequences,
            members,
            self._layout.tokens_per_microbatch,
            self._layout.tensor_parallel if self._sequence_parallel else 1,
        )
        if not batches:
            return []
        results: list[tuple[MicroBatch, NDArray[np.float32], NDArray[np.float32]]] = self._schedule(
            forward_step_func=functools.partial(self._forward, temperature),
            data_iterator=iter(batches),
            model=[self._optimization.model],
            num_microbatches=len(batches),
            seq_length=self._layout.tokens_per_microbatch,  # not used: lengths vary
            micro_batch_size=1,
            forward_only=not backward,
        )
        return results

    def _forward(
        self, temperature: float, batches: Iterator[MicroBatch], model: torch.nn.Module
    ) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor, Any]]]:
        batch = next(batches)
        tokens = torch.from_numpy(batch.tokens).to(self._device)
        hidden = model(tokens.unsqueeze(0), packed_batch(batch, self._rotary, self._device))
        return hidden, functools.partial(self._loss, batch, temperature)

    def _loss(self, batch: MicroBatch, temperature: float, hidden: Tensor) -> tuple[Tensor, Tensor, Any]:
        """The loss of a micro-batch, the number of its tokens (not used), and what `_run` returns."""
        if self._sequence_parallel:
            hidden = tensor_parallel.gather_from_sequence_parallel_region(hidden, tensor_parallel_output_grad=True)
        elif self._tensor_group is not None:
            hidden = tensor_parallel.copy_to_tensor_model_parallel_region(hidden)
        logprobs, entropy = token_logprobs(
            hidden.squeeze(1).index_select(0, self._send(batch.predictors)),
            self._policy.output_weight(),
            self._send(batch.targets),
            temperature,
            self._tensor_group,
        )
        loss = policy_loss(logprobs, self._send(batch.advantages), self._send(batch.weights))
        seen = (batch, logprobs.detach().cpu().numpy(), entropy.detach().cpu().numpy())
        return loss, torch.zeros((), dtype=torch.int, device=self._device), seen

    def _send(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def _collect(
        self, results: Sequence[tuple[MicroBatch, NDArray[np.float32], NDArray[np.float32]]], row: NDArray[np.float64]
    ) -> None:
        """Adds micro-batches to the sums of their update, on the rank that reports."""
        if not self._reports:
            return
        for batch, logprobs, entropy in results:
            wide = logprobs.astype(np.float64)
            row[LOSS] -= float((batch.weights.astype(np.float64) * batch.advantages * wide).sum())
            row[ENTROPY] += float(entropy.sum(dtype=np.float64))
            row[RESPONSE_TOKENS] += len(wide)
            known = ~np.isnan(batch.sampled_logprobs)
            if known.any():
                diffs = np.abs(wide[known] - batch.sampled_logprobs[known])
                row[DIFF] += float(diffs.sum())
                row[DIFF_TOKENS] += len(diffs)
                row[DIFF_MAX] = max(row[DIFF_MAX], float(diffs.max()))

    def _add_up(self, sums: NDArray[np.float64]) -> None:
        """Makes the sums those of all ranks, in place: one exchange for all updates of a call."""
        if dist.get_world_size() == 1:
            return
        total = torch.from_numpy(sums[:, :DIFF_MAX].copy()).to(self._device)
        highest = torch.from_numpy(sums[:, DIFF_MAX].copy()).to(self._device)
        dist.all_reduce(total)
        dist.all_reduce(highest, dist.ReduceOp.MAX)
        sums[:, :DIFF_MAX] = total.cpu().numpy()
        sums[:, DIFF_MAX] = highest.cpu().numpy()

    def _check(self, sequences: Sequence[TrainSequence]) -> None:
        """Refuses token ids outside the vocabulary: a vocabulary-parallel embedding would take them for another's."""
        for number, sequence in enumerate(sequences):
            low, high = int(sequence.tokens.min()), int(sequence.tokens.max())
            if low < 0 or high >= self._vocab:
                raise RunError(
                    f"sequence {number} holds token ids {low}..{high}, the model's vocabulary is 0..{self._vocab - 1}: "
                    "tokenizer and model do not belong together"
                )


def _stats(update: Sequence[TrainSequence], row: NDArray[np.float64], grad_norm: float, skipped: bool) -> UpdateStats:
    compared = row[DIFF_TOKENS] > 0
    return UpdateStats(
        loss=float(row[LOSS]),
        grad_norm=grad_norm,
        skipped=skipped,
        entropy=float(row[ENTROPY] / max(row[RESPONSE_TOKENS], 1.0)),
        logprob_abs_diff_mean=float(row[DIFF] / row[DIFF_TOKENS]) if compared else None,
        logprob_abs_diff_max=float(row[DIFF_MAX]) if compared else None,
        tokens=sum(len(sequence.tokens) for sequence in update),
        response_tokens=int(row[RESPONSE_TOKENS]),
    )
