"""Joining the process group: who this rank is, and the deadline on everything the ranks do together."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from acereason.config.schema import TrainerLayout
from acereason.errors import AceReasonError, DeadlineError, RunError


@dataclass(frozen=True)
class Place:
    """Where a rank stands in the layout: Megatron-Core's order, tensor parallel fastest, then data, then pipeline."""

    rank: int
    tensor: int
    data: int
    pipeline: int

    def __str__(self) -> str:
        return f"trainer rank {self.rank} (tensor {self.tensor}, data {self.data}, pipeline {self.pipeline})"


def world_size(layout: TrainerLayout) -> int:
    """Ranks of the layout."""
    return layout.tensor_parallel * layout.pipeline_parallel * layout.data_parallel


def place_of(rank: int, layout: TrainerLayout) -> Place:
    """The place of a rank of the layout."""
    rest, tensor = divmod(rank, layout.tensor_parallel)
    pipeline, data = divmod(rest, layout.data_parallel)
    return Place(rank, tensor, data, pipeline)


def open_store(host: str, ranks: int, timeout_s: float) -> dist.TCPStore:
    """The store at which the ranks meet, on a free port of rank 0's host; the port is chosen by the system."""
    return dist.TCPStore(host, 0, ranks, is_master=True, timeout=timedelta(seconds=timeout_s), wait_for_workers=False)


def connect_store(host: str, port: int, layout: TrainerLayout, timeout_s: float) -> dist.TCPStore:
    """Rank 0's store, from another rank."""
    return dist.TCPStore(host, port, world_size(layout), is_master=False, timeout=timedelta(seconds=timeout_s))


def join(
    place: Place, layout: TrainerLayout, device: torch.device, store: dist.Store, timeout_s: float, seed: int
) -> None:
    """Initialises torch.distributed and Megatron-Core's groups; each collective fails after `timeout_s`."""
    from megatron.core import parallel_state, tensor_parallel

    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        store=store,
        rank=place.rank,
        world_size=world_size(layout),
        timeout=timedelta(seconds=timeout_s),
        device_id=device if device.type == "cuda" else None,
    )
    parallel_state.initialize_model_parallel(
        tensor_model_parallel_size=layout.tensor_parallel,
        pipeline_model_parallel_size=layout.pipeline_parallel,
        distributed_timeout_minutes=timeout_s / 60.0,
    )
    tensor_parallel.model_parallel_cuda_manual_seed(seed)


def leave() -> None:
    """Takes the process group down, so that a process can join another one."""
    from megatron.core import parallel_state

    if dist.is_initialized():
        parallel_state.destroy_model_parallel()
        dist.destroy_process_group()


@contextlib.contextmanager
def named_failures(place: Place, what: str, timeout_s: float) -> Iterator[None]:
    """Turns what torch.distributed raises inside into errors that say which rank was doing what.

    Raises DeadlineError where a collective ran out of time, RunError where another rank went away.
    """
    try:
        yield
    except AceReasonError:
        raise
    except RuntimeError as error:  # DistBackendError, DistStoreError and gloo's plain RuntimeError
        text = str(error)
        lowered = text.lower()
        if "timed out" in lowered or "timeout" in lowered:
            raise DeadlineError(
                f"{place} waited {timeout_s:.0f} s for the other ranks in {what}: one of them is stuck, dead or much "
                f"slower. Look at its log, or raise cluster.step_timeout_s. ({text.splitlines()[0]})"
            ) from error
        if any(sign in lowered for sign in ("connection closed", "connection reset", "broken pipe", "connect failed")):
            raise RunError(
                f"{place} lost another rank in {what}: that rank has ended; its log says why. ({text.splitlines()[0]})"
            ) from error
        raise


def quiet_imports() -> None:
    """Silences what Megatron-Core says on import about GPU libraries that we do without."""
    for message in (".*Apex.*", ".*Transformer Engine.*", ".*full scope is deprecated.*"):
        warnings.filterwarnings("ignore", message=message, module="megatron.*")
    # Of the float32 optimizer, whose parameters are views of the gradient buffers' weights.
    warnings.filterwarnings("ignore", message=".*not a leaf Tensor is being accessed.*")
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed.*")
    logging.getLogger("megatron").setLevel(logging.ERROR)
