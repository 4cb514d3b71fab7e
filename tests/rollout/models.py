"""A small model, random weights for it, and its reference computation with Hugging Face."""

import numpy as np

from acereason.algorithms.checksums import tensor_checksum
from acereason.config.schema import ModelConfig

Weights = dict[str, np.ndarray]


def small_model(tied: bool = True) -> ModelConfig:
    return ModelConfig(
        name="small",
        architecture="qwen2",
        path=None,
        tokenizer="tiny",
        prompt="bare",
        num_layers=2,
        hidden_size=64,
        ffn_hidden_size=96,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=32,
        vocab_size=112,
        max_position_embeddings=512,
        rope_theta=1e4,
        rms_norm_eps=1e-6,
        tie_word_embeddings=tied,
        init_std=0.06,
        dtype="float32",
    )


def random_weights(model: ModelConfig, seed: int, std: float = 0.3) -> Weights:
    """Weights under Hugging Face names. The scale is that of a trained model rather than of a fresh one."""
    draw = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return (draw.standard_normal(shape) * std).astype(np.float32)

    def near_one(size: int) -> np.ndarray:
        return (1 + 0.1 * draw.standard_normal(size)).astype(np.float32)

    hidden, ffn = model.hidden_size, model.ffn_hidden_size
    queries, keys = model.num_attention_heads * model.head_dim, model.num_key_value_heads * model.head_dim
    weights = {"model.embed_tokens.weight": normal(model.vocab_size, hidden)}
    for layer in range(model.num_layers):
        prefix = f"model.layers.{layer}."
        for name, size in (("q", queries), ("k", keys), ("v", keys)):
            weights[f"{prefix}self_attn.{name}_proj.weight"] = normal(size, hidden)
            weights[f"{prefix}self_attn.{name}_proj.bias"] = normal(size)
        weights[f"{prefix}self_attn.o_proj.weight"] = normal(hidden, queries)
        weights[f"{prefix}mlp.gate_proj.weight"] = normal(ffn, hidden)
        weights[f"{prefix}mlp.up_proj.weight"] = normal(ffn, hidden)
        weights[f"{prefix}mlp.down_proj.weight"] = normal(hidden, ffn)
        weights[f"{prefix}input_layernorm.weight"] = near_one(hidden)
        weights[f"{prefix}post_attention_layernorm.weight"] = near_one(hidden)
    weights["model.norm.weight"] = near_one(hidden)
    if not model.tie_word_embeddings:
        weights["lm_head.weight"] = normal(model.vocab_size, hidden)
    return weights


def export(weights: Weights) -> tuple[Weights, dict[str, str]]:
    """What a trainer rank sends: tensors and their checksums."""
    return weights, {name: tensor_checksum(name, array) for name, array in weights.items()}


def reference_table(model: ModelConfig, weights: Weights, tokens: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Log-probabilities [n, vocabulary] of what follows each prefix of tokens, by Hugging Face transformers."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=model.vocab_size,
        hidden_size=model.hidden_size,
        intermediate_size=model.ffn_hidden_size,
        num_hidden_layers=model.num_layers,
        num_attention_heads=model.num_attention_heads,
        num_key_value_heads=model.num_key_value_heads,
        max_position_embeddings=model.max_position_embeddings,
        rms_norm_eps=model.rms_norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": model.rope_theta},
        tie_word_embeddings=model.tie_word_embeddings,
    )
    network = Qwen2ForCausalLM(config).to(torch.float32).eval()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=False)
    network.tie_weights()
    ids = torch.from_numpy(tokens.astype(np.int64))[None]
    with torch.no_grad():
        table: np.ndarray = (network(ids).logits[0] / temperature).log_softmax(-1).numpy()
    return table


def reference_logprobs(
    model: ModelConfig, weights: Weights, tokens: np.ndarray, temperature: float = 1.0
) -> np.ndarray:
    """Log-probabilities [n - 1] of tokens[1:], each given all before it."""
    table = reference_table(model, weights, tokens, temperature)
    return table[np.arange(len(tokens) - 1), tokens[1:]]
