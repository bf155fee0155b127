from __future__ import annotations

import io

import pytest

from tests.support.published import gguf
from xinf.core.facts import ModelFacts
from xinf.core.memory import CacheGroup
from xinf.registry.config_json import Unreadable
from xinf.registry.gguf import read_gguf
from xinf.registry.gguf_facts import gguf_facts

LLAMA = {
    "block_count": 4,
    "context_length": 8192,
    "embedding_length": 64,
    "feed_forward_length": 128,
    "attention.head_count": 8,
    "attention.head_count_kv": 2,
}


def read(
    architecture: str = "llama", settings: dict[str, object] = LLAMA, **more: object
) -> ModelFacts:
    named = {f"{architecture}.{name}": value for name, value in {**settings, **more}.items()}
    whole = {"general.architecture": architecture, "tokenizer.ggml.tokens": ["a", "b"], **named}
    data = gguf(whole, {"blk.0.ffn_up.weight": (2, [64, 32])}, data=64 * 32)
    return gguf_facts(read_gguf(io.BytesIO(data), len(data)), "path:/m.gguf", "r1")


def test_a_llama_tells_its_cache_and_widths() -> None:
    found = read()
    assert (found.source, found.revision, found.format) == ("path:/m.gguf", "r1", "gguf")
    assert (found.architecture, found.quantization) == ("llama", "gguf")
    assert found.cache == (CacheGroup(4, 2 * 2 * 8, heads=2),)
    assert (found.parameters, found.weights.packed) == (64 * 32, 64 * 18)
    assert (found.sizes.vocab, found.sizes.key_value, found.context_max) == (2, 32, 8192)
    assert found.is_exact


def test_heads_may_be_told_for_each_layer_and_none_means_a_state() -> None:
    settings = {
        **LLAMA,
        "attention.head_count_kv": [0, 2, 0, 4],
        "ssm.state_size": 16,
        "ssm.inner_size": 32,
        "ssm.conv_kernel": 4,
        "ssm.group_count": 1,
    }
    found = read("jamba", settings)
    state = ((32 + 2 * 16) * 3 + 32 * 16) * 4
    assert found.cache == (
        CacheGroup(1, 2 * 2 * 8, heads=2),
        CacheGroup(1, 4 * 2 * 8, heads=4),
        CacheGroup(2, state_bytes=state),
    )
    assert found.traits == ("hybrid",)


def test_a_window_holds_in_the_layers_where_the_architecture_has_it() -> None:
    settings = {**LLAMA, "attention.sliding_window": 100}
    groups = read("gemma2", settings).cache
    assert {group.window: group.layers for group in groups} == {100: 2, None: 2}
    assert read("llama", settings).cache[0].window is None


def test_latent_attention_and_experts_are_told_apart() -> None:
    settings = {
        **LLAMA,
        "attention.kv_lora_rank": 512,
        "rope.dimension_count": 64,
        "expert_count": 8,
    }
    found = read("deepseek2", settings)
    assert found.cache == (CacheGroup(4, 576),)
    assert found.traits == ("moe", "mla")


def test_an_encoder_keeps_nothing() -> None:
    assert read("bert").cache == ()
    assert read("bert").traits == ("embed",)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "0 layers"),
        ({**LLAMA, "block_count": 10**7}, "layers"),
        ({**LLAMA, "embedding_length": 10**15}, "absurd"),
    ],
)
def test_what_describes_no_model_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read("llama", settings)


def test_a_part_of_a_split_file_is_refused() -> None:
    data = gguf({"general.architecture": "llama", "llama.block_count": 1, "split.count": 3}, {})
    with pytest.raises(Unreadable, match="several parts"):
        gguf_facts(read_gguf(io.BytesIO(data), len(data)), "x", "")
