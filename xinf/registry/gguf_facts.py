"""What a GGUF file's header says of a model, in the words of its settings.

They are named after the architecture: `llama.block_count`, `llama.attention.head_count_kv`.
"""

from __future__ import annotations

from xinf.core.facts import ModelFacts, Sizes, Weights
from xinf.core.memory import CacheGroup
from xinf.registry.anatomy import Form, State
from xinf.registry.config_json import NUMBER_MAX, Unreadable
from xinf.registry.gguf import GgufHeader, Setting
from xinf.registry.layers import LAYERS_MAX

# What llama.cpp calls architectures that only make embeddings.
_ENCODERS = frozenset({"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "modern-bert"})
# Of these every other layer, or all but every sixth, only sees a window.
_FULL_EVERY = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2, "cohere2": 4, "llama4": 4}


def gguf_facts(header: GgufHeader, source: str, revision: str) -> ModelFacts:
    """Raises Unreadable where the header does not describe a language model."""
    told = _Settings(header)
    layers = told.count("block_count")
    if not 0 < layers <= LAYERS_MAX:
        raise Unreadable(f"its header names {layers} layers")
    if told.global_count("split.count") > 1:
        raise Unreadable("it is one of several parts: merge them with llama.cpp's gguf-split")
    parameters = sum(each.numbers for each in header.tensors.values())
    heads, hidden = told.count("attention.head_count"), told.count("embedding_length")
    width = told.count("attention.key_length") or (hidden // heads if heads else 0)
    experts = told.count("expert_count")
    return ModelFacts(
        source=source,
        revision=revision,
        format="gguf",
        architecture=told.architecture,
        quantization="gguf",
        parameters=parameters,
        weights=Weights(packed=sum(each.size_bytes for each in header.tensors.values())),
        cache=tuple(_cache(told, layers, width)),
        sizes=Sizes(
            layers=layers,
            hidden=hidden,
            heads=heads,
            query=heads * width,
            key_value=2 * max(told.each("attention.head_count_kv", layers)) * width,
            intermediate=told.count("feed_forward_length"),
            vocab=told.vocab,
            experts=experts,
            experts_used=told.count("expert_used_count"),
            expert_intermediate=told.count("expert_feed_forward_length"),
        ),
        context_max=told.count("context_length") or None,
        traits=tuple(_traits(told, experts)),
        is_exact=True,
    )


class _Settings:
    """The settings of one architecture. What is missing or of a wrong kind is 0."""

    def __init__(self, header: GgufHeader) -> None:
        self._header = header
        named = header.settings.get("general.architecture")
        self.architecture = named if isinstance(named, str) else ""

    def count(self, name: str) -> int:
        """For a list, its largest."""
        return self._bounded(name, self._header.settings.get(f"{self.architecture}.{name}"))

    def global_count(self, name: str) -> int:
        return self._bounded(name, self._header.settings.get(name))

    def each(self, name: str, layers: int) -> tuple[int, ...]:
        """One value for each layer; one that is told once holds for all."""
        value = self._header.settings.get(f"{self.architecture}.{name}")
        if isinstance(value, tuple) and len(value) == layers:
            return tuple(self._bounded(name, each) for each in value)
        return (self._bounded(name, value),) * layers

    @property
    def vocab(self) -> int:
        return self._header.lengths.get("tokenizer.ggml.tokens", 0) or self.count("vocab_size")

    def _bounded(self, name: str, value: Setting | None) -> int:
        if isinstance(value, tuple):
            return max((self._bounded(name, each) for each in value), default=0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            return 0
        if value > NUMBER_MAX:
            raise Unreadable(f"its {name[:80]} is absurd: {value:.1e}")
        return value


def _cache(told: _Settings, layers: int, width: int) -> list[CacheGroup]:
    """llama.cpp keeps 16 bits for each number, and a state in 32."""
    if told.architecture in _ENCODERS:
        return []
    rank = told.count("attention.kv_lora_rank")
    if rank:
        return [CacheGroup(layers, rank + told.count("rope.dimension_count"))]
    value_width = told.count("attention.value_length") or width
    window = told.count("attention.sliding_window") or None
    every = _FULL_EVERY.get(told.architecture, 1)
    found: dict[tuple[int, int | None], int] = {}
    states = 0
    for number, heads in enumerate(told.each("attention.head_count_kv", layers)):
        seen = window if (number + 1) % every else None
        if heads:
            found[heads, seen] = found.get((heads, seen), 0) + 1
        else:
            states += 1
    groups = [
        CacheGroup(count, heads * (width + value_width), seen, heads=heads)
        for (heads, seen), count in found.items()
    ]
    state = _state(told)
    return [*groups, CacheGroup(states, state_bytes=state.numbers * 4)] if states else groups


def _state(told: _Settings) -> State:
    size, groups = told.count("ssm.state_size"), told.count("ssm.group_count")
    return State(
        form=Form.MAMBA2,
        inner=told.count("ssm.inner_size"),
        size=size,
        mixed=2 * groups * size,
        kernel=told.count("ssm.conv_kernel"),
        heads=1,
    )


def _traits(told: _Settings, experts: int) -> list[str]:
    found = {
        "moe": bool(experts),
        "mla": bool(told.count("attention.kv_lora_rank")),
        "hybrid": bool(told.count("ssm.state_size")),
        "embed": told.architecture in _ENCODERS,
    }
    return [name for name, is_so in found.items() if is_so]
