"""The trainer as the driver sees it: tensor x pipeline x data ranks that act as one. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acereason.algorithms.batch import Clip, TrainSequence, UpdateStats
from acereason.config.schema import ClusterConfig, ModelConfig, OptimizerConfig, TrainerLayout
from acereason.errors import RunError
from acereason.runtime.cluster import Actor, Call, Cluster, gather

RANK = "acereason.megatron.rank:TrainerRank"


class Trainer:
    """Starts the ranks and sends every call to all of them; each wait has the cluster's deadline.

    Every method raises RunError where a rank died, naming it, and DeadlineError where the ranks did not answer in time.
    """

    def __init__(
        self, cluster: Cluster, model: ModelConfig, config: ClusterConfig, optimizer: OptimizerConfig, seed: int
    ) -> None:
        """Returns at once; call `wait_started`, then one of `init_random`, `load_hf` and `load`."""
        self._cluster, self._config = cluster, config
        self._told = (model, optimizer, seed)
        self.layout = config.trainer
        self._ranks = self._start()

    def _start(self) -> list[Actor]:
        """An actor for each rank of the layout."""
        model, optimizer, seed = self._told
        layout, config = self.layout, self._config
        threads = str(layout.threads)
        env = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "false"}
        if config.device == "cpu":
            # Megatron-Core hands some functions to torch.compile while it is imported, which loads the compiler for
            # 1 s; the trainer calls none of them.
            env["TORCHDYNAMO_DISABLE"] = "1"
        else:
            env["CUDA_DEVICE_MAX_CONNECTIONS"] = "1"  # Megatron-Core: communication must not overtake its computation
        ranks = layout.tensor_parallel * layout.pipeline_parallel * layout.data_parallel
        return [
            self._cluster.actor(
                RANK,
                model,
                layout,
                config.device,
                optimizer,
                rank,
                seed,
                config.step_timeout_s,
                name=f"trainer rank {rank}",
                cpus=layout.threads,
                gpus=1 if config.device == "cuda" else 0,
                device=rank,
                env=env,
            )
            for rank in range(ranks)
        ]

    def rebuild(self, layout: TrainerLayout) -> None:
        """Ends the ranks and starts those of another layout, with weights not yet set: one of the loads comes next.

        A checkpoint of the old layout brings weights, moments and step count over.
        """
        for rank in self._ranks:
            self._cluster.end(rank)
        self.layout = layout
        self._ranks = self._start()
        self.wait_started()

    def wait_started(self) -> None:
        """Waits until every rank is up, has joined the others and has built its part of the model."""
        limit = self._config.start_timeout_s
        gather([rank.started for rank in self._ranks], limit, "the trainer ranks to start")
        host, _ = self._ranks[0].rendezvous().result(limit, "the address of trainer rank 0")
        address = self._ranks[0].call("address", host).result(limit, "trainer rank 0 to open the meeting point")
        self._all("connect", *address, limit=limit, what="the trainer ranks to join and build the model")

    def init_random(self, seed: int) -> None:
        """Random weights from the seed, the same in every layout."""
        self._all("init_random", seed)

    def load_hf(self, folder: Path) -> None:
        """Weights from a Hugging Face folder. Raises InputError where it does not hold this model."""
        self._all("load_hf", str(folder))

    def train(
        self,
        updates: Sequence[Sequence[TrainSequence]],
        learning_rates: Sequence[float],
        temperature: float = 1.0,
        clip: Clip | None = None,
    ) -> list[UpdateStats]:
        """One optimizer update for each list of sequences, at its learning rate.

        `clip` makes the lists parts of one rollout batch: the loss has the ratio to the policy before the first update.
        The deadline is for the whole call. An update without any non-zero advantage is skipped.
        """
        batch = self._cluster.put([list(update) for update in updates])
        stats: list[UpdateStats] = self._all("train", batch, list(learning_rates), temperature, clip)[0]
        return stats

    def logprobs(self, sequences: Sequence[TrainSequence], temperature: float = 1.0) -> list[NDArray[np.float32]]:
        """[response] log-probabilities of each sequence under softmax(logits / temperature)."""
        parts = self._all("logprobs", self._cluster.put(list(sequences)), temperature)
        found = {index: values for part in parts for index, values in part.items()}
        return [found[index] for index in range(len(sequences))]

    def score(self, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
        """[len(tokens) - 1] log-probability of each token but the first given those before it, at temperature 1."""
        answers: list[NDArray[np.float32] | None] = self._all("score", np.asarray(tokens, dtype=np.int32))
        for answer in answers:
            if answer is not None:
                return answer
        raise RunError("no trainer rank scored the probe")

    def export_calls(self) -> list[Call]:
        """A call on each rank whose value is (tensors, checksums); most are empty.

        Pass them to engines as arguments and tensors go from rank to engine without the driver.
        """
        return [rank.call("export_weights") for rank in self._ranks]

    def export_weights(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
        """All Hugging Face tensors in float32, and the checksum of each as its rank computed it."""
        weights: dict[str, NDArray[np.float32]] = {}
        checksums: dict[str, str] = {}
        for tensors, sums in self._all("export_weights"):
            weights.update(tensors)
            checksums.update(sums)
        return weights, checksums

    def checksums(self) -> dict[str, str]:
        """The checksum of every Hugging Face tensor of the present weights, the same in every layout."""
        return {name: value for part in self._all("checksums") for name, value in part.items()}

    def offload(self, weights: bool = False) -> int:
        """Optimizer state to the host, gradients freed, with `weights` the weights too; returns bytes freed in all."""
        return sum(self._all("offload", weights))

    def onload(self) -> None:
        """Everything back on the devices, bit for bit."""
        self._all("onload")

    def reset_optimizer(self, optimizer: OptimizerConfig) -> None:
        """Forgets Adam's moments and step count; betas, eps, weight decay and clipping are those given."""
        self._all("reset_optimizer", optimizer)

    def set_optimizer(self, optimizer: OptimizerConfig) -> None:
        """Takes over betas, eps, weight decay and clipping; moments and step count stay."""
        self._all("set_optimizer", optimizer)

    def save(self, folder: Path) -> None:
        """A checkpoint (weights, optimizer, random state) in `folder`, which must not exist."""
        self._all("save", str(folder))

    def load(self, folder: Path, optimizer: bool = True) -> None:
        """A checkpoint, also one of another layout. Raises InputError where the folder is none."""
        self._all("load", str(folder), optimizer)

    def save_hf(self, folder: Path, extra_config: dict[str, Any] | None = None) -> None:
        """A Hugging Face folder of the present weights (safetensors, config.json); no tokenizer."""
        self._all("save_hf", str(folder), extra_config)

    def _all(self, method: str, *args: Any, limit: float | None = None, what: str | None = None) -> list[Any]:
        """The answers of all ranks, in their order."""
        calls = [rank.call(method, *args) for rank in self._ranks]
        return gather(calls, limit or self._config.step_timeout_s, what or f"the trainer ranks: {method}")
