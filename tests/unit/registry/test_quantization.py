import pytest

from xinf.registry.config_json import Table
from xinf.registry.quantization import SCHEMES, Scheme, read_scheme


def scheme(**told: object) -> Scheme:
    found = read_scheme(Table({"quantization_config": told}))  # type: ignore[dict-item]
    assert found is not None
    return found


def compressed(form: str, **weights: object) -> dict[str, object]:
    return {
        "quant_method": "compressed-tensors",
        "format": form,
        "config_groups": {"group_0": {"weights": weights}},
        "ignore": ["lm_head"],
    }


def test_plain_numbers_have_no_scheme() -> None:
    assert read_scheme(Table({"hidden_size": 1})) is None


ROWS, COLUMNS = 256, 512
COUNT = ROWS * COLUMNS
GROUPS = ROWS * COLUMNS // 128


@pytest.mark.parametrize(
    ("told", "name", "expected"),
    [
        ({"quant_method": "fp8"}, "fp8", COUNT + 8),
        (
            {"quant_method": "fp8", "weight_block_size": [128, 128]},
            "fp8",
            COUNT + 4 * (ROWS // 128) * (COLUMNS // 128),
        ),
        (
            {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True},
            "awq",
            COUNT // 2 + GROUPS * 2 + GROUPS // 2,
        ),
        (
            {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False},
            "gptq",
            COUNT // 2 + GROUPS * 2 + GROUPS // 2 + COLUMNS * 4,
        ),
        # One scale for each row, and eight bits.
        (
            {"quant_method": "gptq", "bits": 8, "group_size": -1},
            "gptq",
            COUNT + ROWS * 2 + ROWS + COLUMNS * 4,
        ),
        ({"quant_method": "mxfp4"}, "mxfp4", COUNT // 2 + COUNT // 32),
        (
            {"quant_method": "modelopt", "quant_algo": "NVFP4"},
            "nvfp4",
            COUNT // 2 + COUNT // 16 + 8,
        ),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8", COUNT + 8),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
            "bitsandbytes",
            COUNT // 2 + COUNT // 64 * 4,
        ),
        (
            {"quant_method": "bitsandbytes", "load_in_8bit": True},
            "bitsandbytes",
            COUNT + ROWS * 4,
        ),
        (
            compressed("int-quantized", num_bits=8, type="int", strategy="channel"),
            "int8",
            COUNT + ROWS * 4,
        ),
        (
            compressed("float-quantized", num_bits=8, type="float", strategy="channel"),
            "fp8",
            COUNT + ROWS * 4,
        ),
        (
            compressed("pack-quantized", num_bits=4, type="int", strategy="group", group_size=128),
            "int4",
            COUNT // 2 + GROUPS * 2,
        ),
        (
            compressed("nvfp4-pack-quantized", num_bits=4, type="float", group_size=16),
            "nvfp4",
            COUNT // 2 + COUNT // 16 + 8,
        ),
        (
            compressed("mxfp4-pack-quantized", num_bits=4, type="float", group_size=32),
            "mxfp4",
            COUNT // 2 + COUNT // 32,
        ),
    ],
)
def test_a_packed_matrix_takes_its_weights_and_what_unpacks_them(
    told: dict[str, object], name: str, expected: int
) -> None:
    found = scheme(**told)
    assert (found.name, found.packed_bytes(ROWS, COLUMNS)) == (name, expected)


def test_a_method_that_is_not_known_is_taken_for_plain_numbers_under_its_name() -> None:
    found = scheme(quant_method="brand-new")
    assert (found.name, found.bits) == ("brand-new", 16)


@pytest.mark.parametrize(
    ("pattern", "name", "is_spared"),
    [
        ("lm_head", "lm_head", True),
        ("mlp.gate", "model.layers.0.mlp.gate_proj", False),
        ("self_attn", "model.layers.0.self_attn.q_proj", True),
        ("model.layers.*.self_attn", "model.layers.7.self_attn.o_proj", True),
        ("re:.*self_attn.*", "model.layers.0.self_attn.q_proj", True),
        ("re:.*gate$", "model.layers.0.mlp.up_proj", False),
    ],
)
def test_what_is_named_stays_as_it_is(pattern: str, name: str, is_spared: bool) -> None:
    assert scheme(quant_method="fp8", ignored_layers=[pattern]).spares(name) is is_spared


def test_every_scheme_is_smaller_than_plain_numbers() -> None:
    for each in SCHEMES.values():
        assert each.packed_bytes(4096, 4096) < 2 * 4096 * 4096
