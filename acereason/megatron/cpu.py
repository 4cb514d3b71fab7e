"""The one place where Megatron-Core's idea of a device is bent, so that it runs on CPU over gloo.

Megatron-Core asks for `cuda` by name in these ways: as `device=` of tensor factories, by `Tensor.cuda()`, through
`torch.cuda.current_device()` and its random state, and by comparing `Tensor.type()` with names such as
`torch.cuda.FloatTensor` while an optimizer is built. `install` answers all but the last for the process,
`cuda_type_names` that one for as long as it is entered. Nothing here is used on a GPU.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.utils._device as torch_device

_FACTORIES = ("tensor", "zeros", "ones", "empty", "full", "zeros_like", "empty_like", "arange")
_installed = False


def install() -> None:
    """Bends the device of this process; further calls do nothing. Call before Megatron-Core is imported."""
    global _installed
    if _installed:
        return
    # `with torch.device(...)` recognises factories by identity, from a set it builds once: build it from the real ones.
    torch_device._device_constructors()
    for name in _FACTORIES:
        setattr(torch, name, _on_cpu(getattr(torch, name)))
    cpu = torch.device("cpu")
    cuda: Any = torch.cuda
    cuda.current_device = lambda: cpu
    cuda.get_rng_state = lambda device=None: torch.get_rng_state()
    cuda.set_rng_state = lambda state, device=None: torch.set_rng_state(state)
    cuda.manual_seed = lambda seed: torch.manual_seed(seed)
    cuda.synchronize = lambda device=None: None
    tensor: Any = torch.Tensor
    tensor.cuda = lambda self, *args, **kwargs: self

    import megatron.core.tensor_parallel.random as megatron_random

    # These two reach for torch.cuda.default_generators, which is empty without a GPU.
    megatron_random._get_cuda_rng_state = lambda device="cuda", clone=False, graph_safe=False: torch.get_rng_state()
    megatron_random._set_cuda_rng_state = lambda state, device=-1, graph_safe=False: torch.set_rng_state(state)
    _installed = True


@contextlib.contextmanager
def cuda_type_names() -> Iterator[None]:
    """While entered, `tensor.type()` of a CPU tensor answers with the name it would have on a GPU."""
    real = torch.Tensor.type

    def renamed(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        answer = real(self, *args, **kwargs)
        return answer.replace("torch.", "torch.cuda.", 1) if isinstance(answer, str) else answer

    torch.Tensor.type = renamed  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        torch.Tensor.type = real  # type: ignore[method-assign]


def _on_cpu(factory: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(factory)
    def build(*args: Any, **kwargs: Any) -> Any:
        device = kwargs.get("device")
        if device is not None and torch.device(device).type == "cuda":
            kwargs["device"] = "cpu"
            kwargs.pop("pin_memory", None)
        return factory(*args, **kwargs)

    return build
