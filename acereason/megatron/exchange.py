"""Weights between this rank's model and Hugging Face tensors: reading them in and putting them together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.distributed as dist
from megatron.core import parallel_state
from numpy.typing import NDArray
from torch import Tensor

from acereason.algorithms.checksums import tensor_checksum
from acereason.config.schema import ModelConfig, TrainerLayout
from acereason.errors import RunError
from acereason.megatron.parallel import Place
from acereason.megatron.spec import PolicyModel
from acereason.megatron.weights import Source, merge, shard, source_of


class WeightExchange:
    """Moves weights in and out of one rank's part of the model."""

    def __init__(self, policy: PolicyModel, model: ModelConfig, layout: TrainerLayout, place: Place) -> None:
        self._policy, self._model, self._layout, self._place = policy, model, layout, place

    @property
    def exports(self) -> bool:
        """Whether this rank is the one that hands out its pipeline stage's tensors."""
        return self._place.tensor == 0 and self._place.data == 0

    @torch.no_grad()
    def read(self, reader: Callable[[str], Tensor]) -> None:
        """Sets every parameter of this rank from full Hugging Face tensors."""
        for parameter, source, target in self._parameters():
            part = shard(
                source.rule,
                [reader(name) for name in source.names],
                self._model,
                self._place.tensor,
                self._layout.tensor_parallel,
            )
            if part.shape != target.shape:
                raise RunError(
                    f"parameter {parameter} has shape {tuple(target.shape)}, the checkpoint's part {tuple(part.shape)}"
                )
            target.copy_(part.to(target.dtype))

    @torch.no_grad()
    def full_tensors(self) -> dict[str, Tensor]:
        """This stage's full Hugging Face tensors on CPU, in the model's type; empty on ranks that do not export.

        The tensor-parallel ranks of the first data-parallel rank exchange their parts, so all of them must call.
        """
        if self._place.data != 0:
            return {}
        full: dict[str, Tensor] = {}
        for parameter, source, target in self._parameters():
            if parameter == "output_layer.weight" and self._model.tie_word_embeddings:
                continue  # the last stage's copy of the embedding, which the first stage hands out
            shards = self._gather(target) if source.rule != "whole" else [target]
            if self.exports:
                for name, tensor in zip(source.names, merge(source.rule, shards, self._model), strict=True):
                    full[name] = tensor.detach().to("cpu", copy=True).contiguous()
        return full

    def _gather(self, part: Tensor) -> list[Tensor]:
        if self._layout.tensor_parallel == 1:
            return [part]
        parts = [torch.empty_like(part) for _ in range(self._layout.tensor_parallel)]
        dist.all_gather(parts, part.contiguous(), group=parallel_state.get_tensor_model_parallel_group())
        return parts

    def _parameters(self) -> list[tuple[str, Source, Tensor]]:
        first = self._place.pipeline * (self._model.num_layers // self._layout.pipeline_parallel)
        return [
            (name, source_of(name, first, self._model.tie_word_embeddings), parameter.data)
            for name, parameter in self._policy.named_parameters()
        ]


def as_arrays(tensors: dict[str, Tensor]) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """The tensors as float32 arrays, exact also for bfloat16 (NumPy has no such type), and a checksum of each."""
    arrays = {name: tensor.float().numpy() for name, tensor in tensors.items()}
    return arrays, {name: tensor_checksum(name, array) for name, array in arrays.items()}
