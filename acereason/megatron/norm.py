"""RMSNorm that can live under sequence parallelism, with a closed-form backward."""

from __future__ import annotations

from typing import Any

import torch
from megatron.core.transformer.transformer_config import TransformerConfig
from torch import Tensor


class RMSNorm(torch.nn.Module):
    """y = weight * x / sqrt(mean(x^2) + eps), the mean in float32 over the last dimension, as Qwen2 has it.

    Megatron-Core's local norm refuses sequence parallelism. Under it each rank sees a part of the tokens, so the
    weight is marked for Megatron-Core to add its gradient up over the tensor-parallel ranks.
    """

    def __init__(self, config: TransformerConfig, hidden_size: int, eps: float = 1e-5, **_: Any) -> None:
        super().__init__()
        self.eps = eps
        self.weight = torch.nn.Parameter(torch.ones(hidden_size, dtype=config.params_dtype))
        self.weight.sequence_parallel = config.sequence_parallel  # type: ignore[attr-defined]

    def forward(self, x: Tensor) -> Tensor:
        """Same shape and type as x [..., hidden]."""
        out: Tensor = _RMSNorm.apply(x, self.weight, self.eps)
        return out


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, weight, scale)
        return (wide * scale).to(x.dtype) * weight

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        x, weight, scale = ctx.saved_tensors
        normed = x.float() * scale
        wide = grad.float()
        grad_weight = (wide * normed).reshape(-1, x.shape[-1]).sum(0)
        scaled = wide * weight.float()
        # d/dx of x / rms(x): the part of the gradient along x has no effect on the direction.
        along = (scaled * normed).mean(-1, keepdim=True)
        grad_x = torch.addcmul(scaled, normed, along, value=-1.0) * scale
        return grad_x.to(x.dtype), grad_weight.to(weight.dtype), None
