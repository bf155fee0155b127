"""What the code of a kind of model takes where its config.json says nothing.

As far as published models rely on it. The values are those of the configuration classes of
transformers 5.19.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_GEMMA3: Mapping[str, int | bool] = {
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "vocab_size": 262208,
    "max_position_embeddings": 131072,
    "sliding_window": 4096,
    "sliding_window_pattern": 6,
    "tie_word_embeddings": True,
}
_LLAMA: Mapping[str, int | bool] = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
}
# By `model_type`.
DEFAULTS: Mapping[str, Mapping[str, int | bool]] = MappingProxyType(
    {
        "llama": _LLAMA,
        "mistral": {**_LLAMA, "intermediate_size": 14336, "num_key_value_heads": 8},
        "gemma": {"tie_word_embeddings": True, "head_dim": 256},
        "gemma2": {"tie_word_embeddings": True, "head_dim": 256, "sliding_window_pattern": 2},
        "gemma3_text": _GEMMA3,
        "gpt_oss": {"sliding_window_pattern": 2},
        "cohere2": {"sliding_window_pattern": 4, "tie_word_embeddings": True},
        "falcon": {"tie_word_embeddings": True, "max_position_embeddings": 2048},
        "gpt2": {"tie_word_embeddings": True},
        "jamba": {"num_experts": 16, "expert_layer_period": 2, "expert_layer_offset": 1},
        "qwen3_next": {"full_attention_interval": 4},
    }
)
