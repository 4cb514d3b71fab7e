"""One trainer rank: what a Ray actor of the trainer runs. Start it through `client.Trainer`."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from acereason.algorithms.batch import Clip, TrainSequence, UpdateStats
from acereason.config.schema import ModelConfig, OptimizerConfig, TrainerLayout
from acereason.errors import RunError
from acereason.megatron import hf_folder, parallel
from acereason.megatron.weights import random_tensors
from acereason.runtime.processes import importing


class TrainerRank:
    """This rank's part of model and optimizer. All ranks of a layout must get the same calls in the same order.

    Life: construct; `address` on rank 0; `connect` on all builds the model; `load_hf`, `init_random` or `load`; work.
    """

    def __init__(
        self,
        model: ModelConfig,
        layout: TrainerLayout,
        device: str,
        optimizer: OptimizerConfig,
        rank: int,
        seed: int,
        timeout_s: float,
    ) -> None:
        """Args:
        device: `cpu` (gloo) or `cuda` (nccl, the process's first visible GPU).
        rank: 0 .. tensor x pipeline x data - 1.
        timeout_s: deadline of joining and of every exchange between ranks.
        """
        parallel.quiet_imports()
        torch.set_num_threads(layout.threads)
        with importing():
            if device == "cpu":
                from acereason.megatron import cpu

                cpu.install()
            from acereason.megatron.spec import check_divides

        self._model, self._layout, self._settings, self._seed = model, layout, optimizer, seed
        self._timeout_s = timeout_s
        self._place = parallel.place_of(rank, layout)
        self._device = torch.device("cuda", 0) if device == "cuda" else torch.device("cpu")
        self._store: dist.TCPStore | None = None
        self._joined = False
        check_divides(model, layout)

    def ping(self) -> str:
        """Who this is; answers as soon as the process is up."""
        return str(self._place)

    def address(self, host: str = "127.0.0.1") -> tuple[str, int]:
        """Opens the meeting point of the ranks on this rank's `host`, port chosen by the system; rank 0 only."""
        if self._place.rank != 0:
            raise RunError(f"{self._place} was asked for the meeting address; rank 0 opens it")
        self._store = parallel.open_store(host, parallel.world_size(self._layout), self._timeout_s)
        return host, int(self._store.port)

    def connect(self, host: str, port: int) -> None:
        """Joins the other ranks at rank 0's address and builds model and optimizer, with weights not yet set.

        Raises DeadlineError where the ranks do not all come within the deadline.
        """
        from acereason.megatron.exchange import WeightExchange
        from acereason.megatron.offload import Offload
        from acereason.megatron.optimizer import Optimization
        from acereason.megatron.spec import build_model
        from acereason.megatron.trainer import Updater

        with parallel.named_failures(self._place, "joining the process group", self._timeout_s):
            if self._device.type == "cuda":
                torch.cuda.set_device(self._device)
            store = self._store or parallel.connect_store(host, port, self._layout, self._timeout_s)
            parallel.join(self._place, self._layout, self._device, store, self._timeout_s, self._seed)
            self._joined = True
            policy = build_model(self._model, self._layout, self._device)
            self._optimization = Optimization(policy, self._settings, self._device)
            self._updater = Updater(self._optimization, self._model, self._layout, self._place, self._device)
            self._weights = WeightExchange(policy, self._model, self._layout, self._place)
            self._offload = Offload(self._optimization, self._device)
        # What torch and Megatron-Core hold stays for good. Left to the garbage collector it is walked over and over:
        # Megatron-Core collects at every checkpoint, which was three quarters of the time of a tiny one.
        gc.collect()
        gc.freeze()

    def close(self) -> None:
        """Leaves the process group."""
        if self._joined:
            parallel.leave()
            self._joined = False

    def init_random(self, seed: int) -> None:
        """Random weights from the seed, the same in every layout."""
        self._offload.require("init_random", state=True)
        self._weights.read(random_tensors(self._model, seed))
        self._optimization.weights_changed()

    def load_hf(self, folder: str | Path) -> None:
        """Weights from a Hugging Face folder; the optimizer's state is left alone."""
        self._offload.require("load_hf", state=True)
        self._weights.read(hf_folder.tensor_reader(Path(folder), self._model))
        self._optimization.weights_changed()

    def train(
        self,
        updates: Sequence[Sequence[TrainSequence]],
        learning_rates: Sequence[float],
        temperature: float = 1.0,
        clip: Clip | None = None,
    ) -> list[UpdateStats]:
        """One optimizer update for each list of sequences; the statistics are the same on all ranks."""
        self._offload.require("train", state=True)
        with self._named("train"):
            return self._updater.train(updates, learning_rates, temperature, clip)

    def logprobs(self, sequences: Sequence[TrainSequence], temperature: float = 1.0) -> dict[int, NDArray[np.float32]]:
        """Response log-probabilities by index of the sequence; each sequence comes from exactly one rank."""
        self._offload.require("logprobs", state=False)
        with self._named("logprobs"):
            return self._updater.logprobs(sequences, temperature)

    def score(self, tokens: NDArray[np.int32]) -> NDArray[np.float32] | None:
        """Log-probability of each of tokens[1:] given those before it, at temperature 1; from one rank, else None."""
        sequence = TrainSequence(np.asarray(tokens, dtype=np.int32), 1, 0.0, 0.0)
        return self.logprobs([sequence]).get(0)

    def export_weights(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
        """This pipeline stage's Hugging Face tensors in float32 with a checksum of each (`algorithms.checksums`).

        From the first tensor- and data-parallel rank of each stage; the others return nothing.
        """
        from acereason.megatron.exchange import as_arrays

        self._offload.require("export_weights", state=False)
        with self._named("export_weights"):
            return as_arrays(self._weights.full_tensors())

    def checksums(self) -> dict[str, str]:
        """The checksums of `export_weights` without the tensors."""
        return self.export_weights()[1]

    def save_hf(self, folder: str | Path, extra_config: dict[str, Any] | None = None) -> None:
        """Writes a Hugging Face folder in the model's type: one safetensors file a pipeline stage, and config.json."""
        self._offload.require("save_hf", state=False)
        with self._named("save_hf"):
            tensors = self._weights.full_tensors()
            if self._weights.exports:
                stages = self._layout.pipeline_parallel
                hf_folder.write_stage(Path(folder), tensors, self._place.pipeline, stages)
            dist.barrier()
            if self._place.rank == 0:
                hf_folder.write_config(Path(folder), self._model, extra_config)
            dist.barrier()

    def offload(self, weights: bool = False) -> int:
        """Moves the optimizer's state to the host and frees the gradients; with `weights` the weights go too.

        May be called again for the weights. Returns the bytes freed on the device. Until `onload` nothing can be
        trained, saved or loaded, and without the weights nothing computed or exported.
        """
        return self._offload.move(weights=weights)

    def onload(self) -> None:
        """Brings everything back, bit for bit."""
        self._offload.back()

    def reset_optimizer(self, optimizer: OptimizerConfig) -> None:
        """Forgets Adam's moments and step count, and takes over betas, eps, weight decay and clipping."""
        self._offload.require("reset_optimizer", state=True)
        self._optimization.reset(optimizer)

    def set_optimizer(self, optimizer: OptimizerConfig) -> None:
        """Takes over betas, eps, weight decay and clipping; moments and step count stay."""
        self._optimization.configure(optimizer)

    def save(self, folder: str | Path) -> None:
        """Writes a checkpoint (weights, optimizer, random state) into `folder`, which must not exist."""
        from acereason.megatron import checkpoint

        self._offload.require("save", state=True)
        with self._named("save"):
            checkpoint.save(Path(folder), self._optimization, self._place, self._layout_key())

    def load(self, folder: str | Path, optimizer: bool = True) -> None:
        """Reads a checkpoint, also one of another layout; without `optimizer` only the weights."""
        from acereason.megatron import checkpoint

        self._offload.require("load", state=True)
        with self._named("load"):
            checkpoint.load(Path(folder), self._optimization, self._place, self._layout_key(), optimizer=optimizer)

    def _named(self, what: str) -> Any:
        return parallel.named_failures(self._place, what, self._timeout_s)

    def _layout_key(self) -> dict[str, int]:
        layout = self._layout
        return {
            "tensor_parallel": layout.tensor_parallel,
            "pipeline_parallel": layout.pipeline_parallel,
            "data_parallel": layout.data_parallel,
        }
