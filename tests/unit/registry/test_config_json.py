import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinf.registry.anatomy import read_anatomy
from xinf.registry.cache_groups import cache_groups
from xinf.registry.config_json import Table, Unreadable, parse_config
from xinf.registry.quantization import read_scheme
from xinf.registry.tensors import compute_weights


def test_a_member_is_found_under_any_of_its_names() -> None:
    table = Table({"n_layer": 3, "name": "x", "list": ["a", 1], "inner": {"a": 1}})
    assert table.number("num_hidden_layers", "n_layer") == 3
    assert table.number("missing", default=7) == 7
    assert (table.text("name"), table.text("n_layer")) == ("x", "")
    assert table.texts("list") == ("a",)
    inner = table.table("missing", "inner")
    assert inner is not None
    assert inner.number("a") == 1


@pytest.mark.parametrize("value", [None, True, "12", -1, 1.5, []])
def test_what_is_no_count_is_as_if_it_were_missing(value: object) -> None:
    table = Table({"a": value})  # type: ignore[dict-item]
    assert table.number("a", default=5) == 5


def test_an_absurd_number_is_refused_and_not_computed_with() -> None:
    with pytest.raises(Unreadable, match="absurd"):
        Table({"a": 10**30}).number("a")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_config(text)


_KEYS = """
hidden_size num_hidden_layers num_attention_heads num_key_value_heads head_dim vocab_size
model_type layer_types sliding_window sliding_window_pattern num_experts kv_lora_rank
moe_intermediate_size decoder_sparse_step expert_layer_period attn_layer_period mamba_d_state
mamba_n_heads linear_num_value_heads full_attention_interval vision_config text_config
quantization_config hybrid_override_pattern mlp_only_layers
"""
KEYS = st.sampled_from(_KEYS.split())
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 10**13)
    | st.integers(0, 8)
    | st.floats()
    | st.sampled_from(["llama", "jamba", "bert", "qwen3_next", "falcon_h1", "awq", "fp8", "M*-"])
    | st.lists(st.sampled_from(["full_attention", "mamba", "x"]) | st.integers(), max_size=4)
)
CONFIGS = st.dictionaries(
    KEYS, SCALARS | st.dictionaries(KEYS, SCALARS, max_size=6), min_size=2, max_size=12
)


@given(CONFIGS)
def test_any_config_is_understood_or_refused(told: dict[str, object]) -> None:
    try:
        config = parse_config(json.dumps(told))
        anatomy, scheme = read_anatomy(config), read_scheme(config)
        computed = compute_weights(anatomy, scheme)
        groups = cache_groups(anatomy)
    except Unreadable:
        return
    assert computed.parameters >= 0
    assert all(group.size(10, 2, 2) >= 0 for group in groups)
