from collections import Counter

import pytest

from tests.support.published import config
from xinf.registry.anatomy import Form, read_anatomy
from xinf.registry.config_json import Table, Unreadable
from xinf.registry.layers import Layer

PLAIN = {"hidden_size": 64, "num_hidden_layers": 8, "num_attention_heads": 4}


def layers(**told: object) -> str:
    """One letter for each layer."""
    anatomy = read_anatomy(Table({**PLAIN, **told}))  # type: ignore[dict-item]
    letters = {Layer.FULL: "f", Layer.SLIDING: "s", Layer.STATE: "m", Layer.BOTH: "b"}
    return "".join(letters.get(layer, "-") for layer in anatomy.layers)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, "ffffffff"),
        ({"model_type": "mistral", "sliding_window": 10}, "ssssssss"),
        ({"model_type": "gemma2", "sliding_window": 10}, "sfsfsfsf"),
        ({"model_type": "gpt_oss", "sliding_window": 10}, "sfsfsfsf"),
        ({"sliding_window": 10, "sliding_window_pattern": 4}, "sssfsssf"),
        ({"layer_types": ["sliding_attention", "full_attention"] * 4}, "sfsfsfsf"),
        ({"layer_types": ["linear_attention", "mamba", "attention", "new"] * 2}, "mmffmmff"),
        # A list of another length is no list of these layers.
        ({"layer_types": ["mamba"]}, "ffffffff"),
        ({"attn_layer_period": 4, "attn_layer_offset": 2}, "mmfmmmfm"),
        ({"full_attention_interval": 4}, "mmmfmmmf"),
        ({"model_type": "falcon_h1"}, "bbbbbbbb"),
        ({"hybrid_override_pattern": "M-M*M-M*"}, "m-mfm-mf"),
        ({"model_type": "bert"}, "--------"),
        ({"model_type": "qwen2", "sliding_window": 9, "use_sliding_window": False}, "ffffffff"),
        (
            {
                "model_type": "qwen2",
                "sliding_window": 9,
                "use_sliding_window": True,
                "max_window_layers": 6,
            },
            "ffffffss",
        ),
    ],
)
def test_layers_are_listed_or_follow_a_rule(told: dict[str, object], expected: str) -> None:
    assert layers(**told) == expected


def test_a_window_that_holds_the_whole_context_is_none() -> None:
    assert read_anatomy(config("phi-4-mini")).window is None
    assert read_anatomy(config("mistral-7b-v0.1")).window == 4096


def test_what_a_model_leaves_out_is_what_its_code_takes() -> None:
    gemma = read_anatomy(config("gemma-3-4b"))
    assert (gemma.heads, gemma.kv_heads, gemma.head_dim, gemma.vocab) == (8, 4, 256, 262_208)
    assert (gemma.is_tied, gemma.context_max) == (True, 131_072)
    assert Counter(gemma.layers) == {Layer.SLIDING: 29, Layer.FULL: 5}


def test_the_text_part_of_a_model_with_images_is_sized_by_itself() -> None:
    gemma = read_anatomy(config("gemma-3-4b"))
    assert gemma.vision is not None
    assert (gemma.hidden, gemma.vision.hidden, gemma.vision.tokens) == (2560, 1152, 4096)
    qwen = read_anatomy(config("qwen2-vl-7b")).vision
    assert qwen is not None
    assert (qwen.merge, qwen.intermediate, qwen.tokens) == (4, 5120, 65_536)


def test_experts_are_in_the_layers_where_their_config_puts_them() -> None:
    def sparse(name: str) -> list[int]:
        anatomy = read_anatomy(config(name))
        experts = anatomy.experts
        assert experts is not None
        return [number for number in range(len(anatomy.layers)) if experts.are_in(number)]

    assert sparse("mixtral-8x7b-v0.1") == list(range(32))
    assert sparse("deepseek-v2-lite") == list(range(1, 27))
    assert sparse("jamba-v0.1") == list(range(1, 32, 2))
    dense = read_anatomy(config("qwen3-30b-a3b-fp8", mlp_only_layers=[3])).experts
    assert dense is not None
    assert not dense.are_in(3)


def test_states_are_told_apart_by_form() -> None:
    jamba, qwen = (read_anatomy(config(n)).state for n in ("jamba-v0.1", "qwen3-next-80b-a3b"))
    assert jamba is not None
    assert qwen is not None
    assert (jamba.form, jamba.inner, jamba.size) == (Form.MAMBA, 8192, 16)
    assert (qwen.form, qwen.inner, qwen.mixed, qwen.heads) == (Form.DELTA, 4096, 4096, 16)
    told = {**PLAIN, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 2, "mamba_d_conv": 3}
    second = read_anatomy(Table(told)).state
    assert second is not None
    assert (second.form, second.numbers) == (Form.MAMBA2, (32 + 2 * 2) * 2 + 32 * 2)


@pytest.mark.parametrize("told", [{"num_hidden_layers": 0}, {"num_hidden_layers": 10**6}])
def test_a_model_without_layers_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(Unreadable, match="layers"):
        layers(**told)


def test_a_model_without_a_width_is_refused() -> None:
    with pytest.raises(Unreadable, match="hidden_size"):
        read_anatomy(Table({"num_hidden_layers": 1}))
