"""What architectures add to or leave out of a decoder as Llama's, by `model_type`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Quirks:
    """Each layer has `norms` norms of `norm_numbers` vectors each; `norms_heads` = queries and keys
    have one of a head's width too. `gates_query` = its projection is twice as wide.
    """

    norms: int = 2
    norm_numbers: int = 1
    norms_heads: bool = False
    is_gated: bool = True
    has_qkv_bias: bool = False
    has_mlp_bias: bool = False
    has_router_bias: bool = False
    has_sinks: bool = False
    gates_query: bool = False
    gates_shared_expert: bool = False


LLAMA = Quirks()
_QWEN2 = Quirks(has_qkv_bias=True)
_QWEN3 = Quirks(norms_heads=True)
_GPT = Quirks(norm_numbers=2, is_gated=False, has_mlp_bias=True, has_qkv_bias=True)
_QUIRKS: Mapping[str, Quirks] = MappingProxyType(
    {
        "qwen2": _QWEN2,
        "qwen2_vl": _QWEN2,
        "qwen2_vl_text": _QWEN2,
        "qwen2_5_vl": _QWEN2,
        "qwen2_5_vl_text": _QWEN2,
        "qwen2_moe": replace(_QWEN2, gates_shared_expert=True),
        "qwen3": _QWEN3,
        "qwen3_moe": _QWEN3,
        "qwen3_vl_text": _QWEN3,
        "qwen3_vl_moe_text": _QWEN3,
        "qwen3_next": replace(_QWEN3, gates_query=True, gates_shared_expert=True),
        "gemma2": Quirks(norms=4),
        "gemma3_text": Quirks(norms=4, norms_heads=True),
        "gpt_oss": Quirks(has_mlp_bias=True, has_router_bias=True, has_sinks=True),
        "deepseek_v3": Quirks(has_router_bias=True),
        "falcon": Quirks(norms=1, norm_numbers=2, is_gated=False),
        "starcoder2": _GPT,
        "gpt2": _GPT,
        "gpt_bigcode": _GPT,
        "phi": replace(_GPT, norms=1),
    }
)


def quirks_of(kind: str) -> Quirks:
    """Those of `kind`; Llama's where it has none, or is not known."""
    return _QUIRKS.get(kind, LLAMA)
