"""Which Hugging Face tensors make up which Megatron-Core parameter, and how they are cut over tensor-parallel ranks.

A parameter is a rule (how it is put together and cut) and the names of its Hugging Face tensors. Both directions are
exact: they only slice, reorder and join.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acereason.config.schema import ModelConfig
from acereason.seeds import derive_seed

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"


@dataclass(frozen=True)
class Source:
    """Where a parameter comes from: the rule that joins and cuts, and the tensors in the order the rule takes them."""

    rule: str
    """`whole` (a copy on each rank), `rows` (cut along dim 0), `columns` (dim 1), `gate_up`, `qkv`."""
    names: tuple[str, ...]


_LAYER = re.compile(r"decoder\.layers\.(\d+)\.(.+)")
_IN_LAYER: dict[str, tuple[str, tuple[str, ...]]] = {
    "input_layernorm.weight": ("whole", ("input_layernorm.weight",)),
    "self_attention.linear_qkv.weight": ("qkv", tuple(f"self_attn.{x}_proj.weight" for x in "qkv")),
    "self_attention.linear_qkv.bias": ("qkv", tuple(f"self_attn.{x}_proj.bias" for x in "qkv")),
    "self_attention.linear_proj.weight": ("columns", ("self_attn.o_proj.weight",)),
    "pre_mlp_layernorm.weight": ("whole", ("post_attention_layernorm.weight",)),
    "mlp.linear_fc1.weight": ("gate_up", ("mlp.gate_proj.weight", "mlp.up_proj.weight")),
    "mlp.linear_fc2.weight": ("columns", ("mlp.down_proj.weight",)),
    # Transformer Engine fuses each norm into the projection after it and names its weight accordingly.
    "self_attention.linear_qkv.layer_norm_weight": ("whole", ("input_layernorm.weight",)),
    "mlp.linear_fc1.layer_norm_weight": ("whole", ("post_attention_layernorm.weight",)),
}
_OUTSIDE = {
    "embedding.word_embeddings.weight": Source("rows", (EMBEDDING,)),
    "decoder.final_layernorm.weight": Source("whole", ("model.norm.weight",)),
}


def source_of(parameter: str, first_layer: int, tied: bool) -> Source:
    """The source of a Megatron-Core parameter of a stage whose first layer is `first_layer`.

    Raises KeyError for a parameter that is not part of a Qwen2 model.
    """
    if parameter == "output_layer.weight":
        return Source("rows", (EMBEDDING if tied else HEAD,))
    if parameter in _OUTSIDE:
        return _OUTSIDE[parameter]
    match = _LAYER.fullmatch(parameter)
    if match is None or match.group(2) not in _IN_LAYER:
        raise KeyError(f"no Hugging Face tensor is known for the Megatron-Core parameter '{parameter}'")
    rule, names = _IN_LAYER[match.group(2)]
    layer = first_layer + int(match.group(1))
    return Source(rule, tuple(f"model.layers.{layer}.{name}" for name in names))


def shard(rule: str, full: Sequence[Tensor], model: ModelConfig, rank: int, ranks: int) -> Tensor:
    """This tensor-parallel rank's parameter from the full Hugging Face tensors."""
    if rule == "whole":
        return full[0]
    if rule == "rows":
        return full[0].chunk(ranks, 0)[rank]
    if rule == "columns":
        return full[0].chunk(ranks, 1)[rank]
    if rule == "gate_up":
        return torch.cat([tensor.chunk(ranks, 0)[rank] for tensor in full])
    # Megatron-Core keeps each query group together: its queries, its key, its value; then the next group.
    groups = [tensor.unflatten(0, (model.num_key_value_heads, -1)) for tensor in full]
    return torch.cat(groups, 1).flatten(0, 1).chunk(ranks, 0)[rank]


def merge(rule: str, shards: Sequence[Tensor], model: ModelConfig) -> list[Tensor]:
    """The full Hugging Face tensors from the parameters of all tensor-parallel ranks: `shard` undone."""
    if rule == "whole":
        return [shards[0]]
    if rule in ("rows", "columns"):
        return [torch.cat(list(shards), 0 if rule == "rows" else 1)]
    if rule == "gate_up":
        halves = [part.chunk(2, 0) for part in shards]
        return [torch.cat([half[i] for half in halves]) for i in range(2)]
    groups = torch.cat(list(shards), 0).unflatten(0, (model.num_key_value_heads, -1))
    queries = model.num_attention_heads // model.num_key_value_heads * model.head_dim
    return [part.flatten(0, 1).contiguous() for part in groups.split([queries, model.head_dim, model.head_dim], 1)]


def tensor_shapes(model: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Every Hugging Face tensor of the model with its shape, in the order of a checkpoint; no head where it is tied."""
    hidden, ffn = model.hidden_size, model.ffn_hidden_size
    queries = model.num_attention_heads * model.head_dim
    keys = model.num_key_value_heads * model.head_dim
    shapes: dict[str, tuple[int, ...]] = {EMBEDDING: (model.vocab_size, hidden)}
    for layer in range(model.num_layers):
        base = f"model.layers.{layer}."
        shapes[base + "input_layernorm.weight"] = (hidden,)
        for name, size in (("q", queries), ("k", keys), ("v", keys)):
            shapes[base + f"self_attn.{name}_proj.weight"] = (size, hidden)
            shapes[base + f"self_attn.{name}_proj.bias"] = (size,)
        shapes[base + "self_attn.o_proj.weight"] = (hidden, queries)
        shapes[base + "post_attention_layernorm.weight"] = (hidden,)
        shapes[base + "mlp.gate_proj.weight"] = (ffn, hidden)
        shapes[base + "mlp.up_proj.weight"] = (ffn, hidden)
        shapes[base + "mlp.down_proj.weight"] = (hidden, ffn)
    shapes["model.norm.weight"] = (hidden,)
    if not model.tie_word_embeddings:
        shapes[HEAD] = (model.vocab_size, hidden)
    return shapes


def random_tensors(model: ModelConfig, seed: int) -> Callable[[str], Tensor]:
    """A reader of random weights: by name, the full float32 tensor drawn from (seed, name).

    As Qwen2 initialises: matrices normal with `model.init_std`, biases 0, norms 1. A tensor depends on nothing but
    seed, name and shape, so every layout starts from the same weights.
    """
    shapes = tensor_shapes(model)

    def read(name: str) -> Tensor:
        shape = shapes[name]
        if name.endswith("norm.weight"):
            return torch.ones(shape)
        if name.endswith(".bias"):
            return torch.zeros(shape)
        generator = torch.Generator().manual_seed(derive_seed(seed, "initial weights", name))
        return torch.randn(shape, generator=generator) * model.init_std

    return read
