"""What each layer of a model keeps of the tokens before: a list in config.json, or a rule."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from xinf.registry.config_json import Table, Unreadable

# More layers than that are a mistake, and a list of them would be long.
LAYERS_MAX = 4096


class Layer(StrEnum):
    """What a layer keeps: all tokens, those in a window, a state, all and a state, or nothing."""

    FULL = "full"
    SLIDING = "sliding"
    STATE = "state"
    BOTH = "both"
    NONE = "none"


ENCODERS = frozenset(
    (
        *("albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra"),
        *("modernbert", "mpnet", "new", "nomic_bert", "roberta", "xlm-roberta"),
    )
)
# Of these a window in config.json holds in every layer.
_SLIDING_EVERYWHERE = frozenset({"mistral", "mixtral", "phi3", "starcoder2"})
_LAYER_NAMES: Mapping[str, Layer] = MappingProxyType(
    {
        "sliding_attention": Layer.SLIDING,
        "chunked_attention": Layer.SLIDING,
        "linear_attention": Layer.STATE,
        "mamba": Layer.STATE,
        "mamba2": Layer.STATE,
        "conv": Layer.STATE,
        "recurrent": Layer.STATE,
        "hybrid": Layer.BOTH,
    }
)
_LAYER_LETTERS: Mapping[str, Layer] = MappingProxyType({"M": Layer.STATE, "*": Layer.FULL})


def read_layers(text: Table, kind: str) -> tuple[Layer, ...]:
    """The kind of each layer, listed or by the rules of its `kind`. Raises Unreadable."""
    count = text.number("num_hidden_layers", "n_layer", "num_layers", "n_layers")
    if not 0 < count <= LAYERS_MAX:
        raise Unreadable(f"config.json names {count} layers")
    if kind in ENCODERS:
        return (Layer.NONE,) * count
    named = text.texts("layer_types", "layers_block_type", "block_types")
    if len(named) == count:
        return tuple(_LAYER_NAMES.get(name, Layer.FULL) for name in named)
    pattern = text.text("hybrid_override_pattern")
    if len(pattern) == count:
        return tuple(_LAYER_LETTERS.get(letter, Layer.NONE) for letter in pattern)
    return tuple(_layer(text, kind, number) for number in range(count))


def _layer(text: Table, kind: str, number: int) -> Layer:
    """What layer `number` is by the rules of its kind, where config.json lists no kinds."""
    if kind == "falcon_h1":
        return Layer.BOTH
    if kind in ("mamba", "mamba2", "falcon_mamba"):
        return Layer.STATE
    period = text.number("attn_layer_period")
    if period:
        is_full = number % period == text.number("attn_layer_offset")
        return Layer.FULL if is_full else Layer.STATE
    interval = text.number("full_attention_interval")
    if interval:
        return Layer.FULL if (number + 1) % interval == 0 else Layer.STATE
    pattern = text.number("sliding_window_pattern")
    if pattern and text.number("sliding_window"):
        return Layer.FULL if (number + 1) % pattern == 0 else Layer.SLIDING
    return Layer.SLIDING if _slides(text, kind, number) else Layer.FULL


def _slides(text: Table, kind: str, number: int) -> bool:
    if not text.number("sliding_window", "sliding_window_size"):
        return False
    if text.has("use_sliding_window"):
        from_layer = text.number("max_window_layers")
        return text.flag("use_sliding_window", default=False) and number >= from_layer
    return kind in _SLIDING_EVERYWHERE
