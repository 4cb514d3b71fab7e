"""Checkpoints of weights, optimizer and random state that another layout can load (Megatron-Core's checkpointing)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from megatron.core import dist_checkpointing
from megatron.core.dist_checkpointing.mapping import ShardedObject

from acereason.errors import InputError
from acereason.megatron.optimizer import Optimization
from acereason.megatron.parallel import Place

FORMAT = 1
_SHARDING = {"distrib_optim_sharding_type": "fully_reshardable"}
"""Optimizer state in the shape of the parameters, so that any tensor, pipeline and data layout can load it."""


def save(folder: Path, optimization: Optimization, place: Place, layout: dict[str, int]) -> None:
    """Writes weights, optimizer state where there is any, and random state under `folder`, which must not exist.

    All ranks call it together. Nothing is renamed here: the caller writes aside and renames.
    """
    if dist.get_rank() == 0:
        folder.mkdir(parents=True, exist_ok=False)
    dist.barrier()
    model = optimization.model.module.sharded_state_dict()
    state: dict[str, Any] = {
        "format": FORMAT,
        "layout": layout,
        "has_optimizer": optimization.has_state,
        "model": model,
        "rng": _random_state(place, layout),
    }
    if optimization.has_state:
        state["optimizer"] = optimization.optimizer.sharded_state_dict(model, is_loading=False, metadata=_SHARDING)
    dist_checkpointing.save(state, str(folder))


def load(folder: Path, optimization: Optimization, place: Place, layout: dict[str, int], *, optimizer: bool) -> None:
    """Reads what `save` wrote, at this layout. Without `optimizer`, moments and step count are left as they are.

    A checkpoint taken before the first step has no optimizer state; loading it clears the moments. The random state is
    taken over at the same layout only. Raises InputError where the folder is no such checkpoint.
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
    with_state = optimizer and common["has_optimizer"]
    model = optimization.model.module.sharded_state_dict()
    wanted: dict[str, Any] = {"model": model}
    if with_state:
        wanted["optimizer"] = optimization.optimizer.sharded_state_dict(model, is_loading=True, metadata=_SHARDING)
    if same_layout:
        wanted["rng"] = _random_state(place, layout)
    state = dist_checkpointing.load(wanted, str(folder))
    optimization.model.module.load_state_dict(state["model"], strict=True)
    if with_state:
        optimization.optimizer.load_state_dict(state["optimizer"])
    else:
        if optimizer:
            optimization.forget()
        optimization.weights_changed()
    if same_layout:
        torch.set_rng_state(state["rng"]["torch"])


def _random_state(place: Place, layout: dict[str, int]) -> ShardedObject:
    """Each rank's random state. Nothing draws from it without dropout; kept so that nothing comes to depend on luck."""
    ranks = dist.get_world_size()
    return ShardedObject("rng", {"torch": torch.get_rng_state()}, (ranks,), (place.rank,), replica_id=0)
