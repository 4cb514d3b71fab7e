"""The folder from which vLLM learns a model's shape. It holds no weights: those come from the trainer."""

from __future__ import annotations

import json
from pathlib import Path

from acereason.config.schema import ModelConfig


def write_model_folder(folder: Path, model: ModelConfig, context: int) -> None:
    """Write the `config.json` of a Qwen2 model that may be run up to `context` tokens."""
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_act": "silu",
        "vocab_size": model.vocab_size,
        "hidden_size": model.hidden_size,
        "intermediate_size": model.ffn_hidden_size,
        "num_hidden_layers": model.num_layers,
        "num_attention_heads": model.num_attention_heads,
        "num_key_value_heads": model.num_key_value_heads,
        "head_dim": model.head_dim,
        # rotary embeddings are computed for any position, so a longer context needs no other weights
        "max_position_embeddings": max(model.max_position_embeddings, context),
        "rope_theta": model.rope_theta,
        "rms_norm_eps": model.rms_norm_eps,
        "tie_word_embeddings": model.tie_word_embeddings,
        "initializer_range": model.init_std,
        "use_sliding_window": False,
        "torch_dtype": model.dtype,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
