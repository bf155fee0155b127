from __future__ import annotations

from tests.support.published import facts
from xinf.core.facts import ModelFacts
from xinf.core.memory import need
from xinf.core.models import ModelSpec
from xinf.registry.alternatives import alternatives
from xinf.registry.families import Known, LLMFamilyV2, LLMSpecV1
from xinf.registry.footprint import assumed_shape, estimate, family_shape
from xinf.registry.wish import Wish

LLAMA = facts("llama-3.1-8b")
FP8_CACHE, FP8_WEIGHTS = 'kv_dtype = "fp8"', 'engine_args.quantization = "fp8"'


def offered(
    known: ModelFacts = LLAMA, kind: str = "cuda", engine: str = "vllm", **wish: object
) -> dict[str, int]:
    """What each change saves on a device, in bytes."""
    spec = ModelSpec("m", source="hf:a/b", context=8192, **wish)  # type: ignore[arg-type]
    made = Wish(spec, engine, kind, {})
    shape = estimate(known, made.run)
    asked = need(shape, made.sizing(shape)).total
    return {
        each.change: asked - need(each.shape, each.sizing).total
        for each in alternatives(made, None, known, lambda wish: estimate(known, wish.run))
    }


def test_a_smaller_cache_smaller_weights_and_more_devices_are_offered() -> None:
    found = offered()
    assert list(found) == [FP8_CACHE, FP8_WEIGHTS, "devices = 2"]
    assert found[FP8_CACHE] == 2**30 // 2
    # Everything but embeddings, head and norms.
    assert found[FP8_WEIGHTS] == 8_030_261_248 - 2 * 128_256 * 4096 - 65 * 4096
    assert found["devices = 2"] > 7 * 2**30


def test_what_is_done_already_is_not_offered_again() -> None:
    assert FP8_CACHE not in offered(kv_dtype="fp8")
    assert FP8_WEIGHTS not in offered(facts("qwen3-30b-a3b-fp8"))
    assert FP8_WEIGHTS not in offered(engine_args={"quantization": "fp8"})
    assert "devices = 4" in offered(device_count=2)


def test_devices_are_offered_where_heads_can_be_divided_and_nobody_chose_them() -> None:
    assert not any("devices" in change for change in offered(facts("smollm2-135m")))
    assert not any("devices" in change for change in offered(pins=("GPU-1",)))


def test_nothing_is_offered_on_the_cpu_or_for_what_is_not_known() -> None:
    assert offered(kind="cpu") == {}
    assert list(offered(facts("all-minilm-l6-v2"))) == ["devices = 2"]
    unknown = ModelFacts("hf:a/b", problem="private")
    made = Wish(ModelSpec("m", source="hf:a/b"), "vllm", "cuda", {})
    assert list(alternatives(made, None, unknown, lambda wish: assumed_shape(wish.run))) == []


def test_a_family_s_smaller_variants_are_offered() -> None:
    def variant(name: str, size: int) -> LLMSpecV1:
        return LLMSpecV1(name, "safetensors", 1.0, name, f"pypi:{name}", size, 8)

    specs = (variant("whole", 300), variant("half", 200), variant("tiny", 100))
    family = LLMFamilyV2("f", "", "llama", 100, ("chat",), specs)
    made = Wish(ModelSpec("m", source="pypi:half"), "llamacpp", "cpu", {})
    known = Known(family, specs[1])
    (found,) = alternatives(made, known, None, lambda wish: family_shape(known, wish.run))
    assert (found.change, found.shape.weights) == ('source = "pypi:tiny"', 100)
