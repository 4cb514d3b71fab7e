"""Checkpoints of weights, optimizer and random state that another layout can load (Megatron-Core's checkpointing)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as torch_checkpoint
from megatron.core import dist_checkpointing
from megatron.core.dist_checkpointing.mapping import ShardedObject, ShardedStateDict
from megatron.core.dist_checkpointing.strategies.torch import (
    MCoreSavePlanner,
    TorchDistSaveShardedStrategy,
    _replace_state_dict_keys_with_sharded_keys,
    mcore_to_pyt_state_dict,
)

from acereason.errors import InputError
from acereason.megatron.optimizer import Optimization
from acereason.megatron.parallel import Place

FORMAT = 1


class _SaveInProcess(TorchDistSaveShardedStrategy):  # type: ignore[misc]
    """Megatron-Core's format, written by this process.

    Its own writer starts a server and forks writers: a second each time on a small model, and processes that outlive a
    rank that was killed.
    """

    def __init__(self) -> None:
        super().__init__("torch_dist", 1)

    def save(self, sharded_state_dict: ShardedStateDict, checkpoint_dir: str | Path) -> None:
        renamed, _, _ = _replace_state_dict_keys_with_sharded_keys(sharded_state_dict, True)
        torch_checkpoint.save(
            mcore_to_pyt_state_dict(renamed, False),
            storage_writer=torch_checkpoint.FileSystemWriter(checkpoint_dir, sync_files=True, thread_count=1),
            planner=MCoreSavePlanner(dedup_replicated_tensors=False, flatten_state_dict=False),
        )


def save(folder: Path, optimization: Optimization, place: Place, layout: dict[str, int]) -> None:
    """Writes weights, optimizer and random state into `folder`, which must not exist.

    All ranks call it together. Nothing is renamed here: the caller writes aside and renames.
    """
    if dist.get_rank() == 0:
        folder.mkdir(parents=True, exist_ok=False)
    dist.barrier()
    model = optimization.model.module.sharded_state_dict()
    state: dict[str, Any] = {
        "format": FORMAT,
        "layout": layout,
        "model": model,
        "optimizer": optimization.sharded_state(model, loading=False),
        "rng": _random_state(place),
    }
    dist_checkpointing.save(state, str(folder), sharded_strategy=_SaveInProcess())


def load(folder: Path, optimization: Optimization, place: Place, layout: dict[str, int], *, optimizer: bool) -> None:
    """Reads what `save` wrote, at this layout. Without `optimizer`, moments and step count are left as they are.

    The random state is taken over at the same layout only. Raises InputError where the folder is no such checkpoint.
    """
    if not folder.is_dir():
        raise InputError(f"checkpoint folder {folder} does not exist")
    try:
        common = dist_checkpointing.load_common_state_dict(str(folder))
    except Exception as error:
        raise InputError(f"{folder} is no trainer checkpoint: {error}") from error
    if common.get("format") != FORMAT:
        raise InputError(f"{folder} has checkpoint format {common.get('format')}, this version reads {FORMAT}")
    same_layout = common["layout"] == layout
    model = optimization.model.module.sharded_state_dict()
    wanted: dict[str, Any] = {"model": model}
    if optimizer:
        wanted["optimizer"] = optimization.sharded_state(model, loading=True)
    if same_layout:
        wanted["rng"] = _random_state(place)
    state = dist_checkpointing.load(wanted, str(folder))
    optimization.model.module.load_state_dict(state["model"], strict=True)
    if optimizer:
        optimization.load_state(state["optimizer"])
    else:
        optimization.weights_changed()
    if same_layout:
        torch.set_rng_state(state["rng"]["torch"])


def _random_state(place: Place) -> ShardedObject:
    """Each rank's random state. Nothing draws from it without dropout; kept so that nothing comes to depend on luck."""
    ranks = dist.get_world_size()
    return ShardedObject("rng", {"torch": torch.get_rng_state()}, (ranks,), (place.rank,), replica_id=0)
