import argparse
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinf.shim.backends.base import EngineOptions
from xinf.shim.backends.vllm.settings import (
    AUTO_CONTEXT,
    GIB,
    Machine,
    check_source,
    parse,
    share,
    tidy,
)
from xinf.shim.options import BadOptions

CPU = Machine(is_cpu=True)
GPU = Machine(is_cpu=False, device_bytes=32 * GIB)


def parser() -> argparse.ArgumentParser:
    """A few settings of each shape that vLLM's own parser has."""
    made = argparse.ArgumentParser(prog="vllm", add_help=False)
    made.add_argument("model_tag", nargs="?")
    made.add_argument("--model")
    made.add_argument("--served-model-name", nargs="+")
    made.add_argument("--dtype", choices=["auto", "float32", "bfloat16"], default="auto")
    made.add_argument("--max-model-len", type=int)
    made.add_argument("--max-num-seqs", type=int)
    made.add_argument("--kv-cache-memory-bytes", type=int)
    made.add_argument("--gpu-memory-utilization", type=float, default=0.92)
    made.add_argument("--kv-cache-dtype", default="auto")
    made.add_argument("--tensor-parallel-size", type=int, default=1)
    made.add_argument("--pipeline-parallel-size", type=int, default=1)
    made.add_argument("--scheduling-policy", default="fcfs")
    made.add_argument("--enable-prompt-tokens-details", action=argparse.BooleanOptionalAction)
    made.add_argument("--enforce-eager", action=argparse.BooleanOptionalAction, default=False)
    made.add_argument("--log-error-stack", action="store_true")
    made.add_argument("--hf-overrides", type=json.loads, default={})
    made.add_argument("--lora-modules", nargs="+")
    made.add_argument("--host")
    return made


def parsed(
    machine: Machine = CPU,
    context: int | None = None,
    dtype: str = "auto",
    memory_bytes: int = 0,
    devices: int = 1,
    cache_bytes: int | None = None,
    **args: object,
) -> argparse.Namespace:
    options = EngineOptions(
        engine="vllm",
        instance="i",
        source="/models/small",
        served_names=("small", "other/name"),
        private_dir="/p",
        context=context,
        dtype=dtype,
        memory_bytes=memory_bytes,
        devices=devices,
        cache_bytes=cache_bytes,
        args=args,
    )
    made = parser()
    return parse(options, made, {action.dest: action for action in made._actions}, machine)


def refusal(**changes: object) -> str:
    with pytest.raises(BadOptions) as caught:
        parsed(**changes)  # type: ignore[arg-type]
    return str(caught.value)


def test_what_xinf_decided_becomes_settings() -> None:
    args = parsed(context=2048, dtype="float32")
    assert (args.model, args.served_model_name) == ("/models/small", ["small", "other/name"])
    assert (args.max_model_len, args.dtype) == (2048, "float32")
    assert args.enable_prompt_tokens_details
    assert args.scheduling_policy == "priority"


def test_without_a_context_vllm_takes_the_most_that_fits() -> None:
    assert parsed().max_model_len == AUTO_CONTEXT


def test_on_a_cpu_nothing_is_compiled_and_the_cache_has_a_size_unless_the_user_says_so() -> None:
    plain = parsed()
    assert (plain.enforce_eager, plain.kv_cache_memory_bytes) == (True, GIB)
    told = parsed(enforce_eager=False, kv_cache_memory_bytes=5)
    assert (told.enforce_eager, told.kv_cache_memory_bytes) == (False, 5)


def test_on_a_gpu_the_share_of_its_memory_is_the_planned_claim() -> None:
    args = parsed(GPU, memory_bytes=8 * GIB)
    assert args.gpu_memory_utilization == 0.25
    assert (args.enforce_eager, args.kv_cache_memory_bytes) == (False, None)
    assert (
        parsed(GPU, memory_bytes=8 * GIB, gpu_memory_utilization=0.5).gpu_memory_utilization == 0.5
    )
    assert parsed(GPU).gpu_memory_utilization == 0.92


def test_the_cache_of_the_plan_is_told_with_a_share_that_the_start_up_check_can_pass() -> None:
    args = parsed(GPU, memory_bytes=9 * GIB, cache_bytes=4 * GIB)
    assert args.kv_cache_memory_bytes == 4 * GIB
    # Of the 9 GiB some are held already when vLLM looks what is free.
    assert args.gpu_memory_utilization == 0.25
    small = parsed(GPU, memory_bytes=GIB // 2, cache_bytes=GIB // 4)
    assert 0 < small.gpu_memory_utilization < 0.001


def test_the_user_s_own_words_about_memory_win_over_the_plan() -> None:
    cache = parsed(GPU, memory_bytes=9 * GIB, cache_bytes=4 * GIB, kv_cache_memory_bytes=GIB)
    assert (cache.kv_cache_memory_bytes, cache.gpu_memory_utilization) == (GIB, 0.25)
    own = parsed(GPU, memory_bytes=9 * GIB, cache_bytes=4 * GIB, gpu_memory_utilization=0.5)
    # With a size of the cache vLLM would pass over the share that was asked for.
    assert (own.kv_cache_memory_bytes, own.gpu_memory_utilization) == (None, 0.5)


def test_on_a_cpu_the_cache_is_what_the_plan_says_if_it_does() -> None:
    assert parsed(cache_bytes=3 * GIB).kv_cache_memory_bytes == 3 * GIB


@given(st.integers(0, 2**40), st.integers(1, 2**40))
def test_a_share_is_above_nothing_at_most_all_and_never_less_than_is_meant(
    size: int, total: int
) -> None:
    taken = share(size, total)
    assert 0 < taken <= 1
    assert taken * total >= min(size, total) * (1 - 1e-12)
    assert taken * total <= size + total / 1000
    assert float(f"{taken:.4f}") == taken


def test_shares_of_engines_that_fill_a_device_are_not_rounded_to_more_than_its_reserve() -> None:
    total = 32_607 * 1024**2
    sizes = [total // 7] * 7
    assert sum(share(size, total) for size in sizes) * total < total + 32 * 1024**2


def test_several_devices_share_the_model_unless_the_user_divides_it() -> None:
    assert parsed(GPU, devices=1).tensor_parallel_size == 1
    assert parsed(GPU, devices=4).tensor_parallel_size == 4
    own = parsed(GPU, devices=4, **{"pipeline-parallel-size": 4})
    assert (own.tensor_parallel_size, own.pipeline_parallel_size) == (1, 4)


def test_the_format_of_the_cache_is_an_argument_like_others() -> None:
    assert parsed(GPU, kv_cache_dtype="fp8").kv_cache_dtype == "fp8"


def test_every_shape_of_argument_arrives_as_it_is() -> None:
    args = parsed(
        max_num_seqs=8,
        hf_overrides={"a": [1]},
        lora_modules=["x=/x", "y=/y"],
        log_error_stack=True,
    )
    assert args.max_num_seqs == 8
    assert args.hf_overrides == {"a": [1]}
    assert args.lora_modules == ["x=/x", "y=/y"]
    assert args.log_error_stack is True


def test_dashes_and_underscores_are_the_same_and_null_means_the_default() -> None:
    args = parsed(**{"max-num-seqs": 8, "hf_overrides": None, "log_error_stack": False})
    assert (args.max_num_seqs, args.hf_overrides, args.log_error_stack) == (8, {}, False)


def test_an_unknown_argument_is_named_with_the_one_that_was_meant() -> None:
    said = refusal(max_num_seq=8)
    assert said == (
        "engine argument max_num_seq: vLLM has none of that name. Did you mean max_num_seqs?"
    )
    assert "Did you mean" not in refusal(qqq=1)


@pytest.mark.parametrize("name", ["model", "served-model-name", "max_model_len", "host", "config"])
def test_what_xinf_sets_itself_is_not_the_users(name: str) -> None:
    assert refusal(**{name: "x"}).startswith(f"engine argument {name}: xinf sets it itself; use ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"max_num_seqs": "many"}, "engine argument max_num_seqs: vLLM refuses it: invalid int"),
        ({"enforce_eager": "yes"}, "engine argument enforce_eager = 'yes': must be true or false"),
        ({"max_num_seqs": True}, "engine argument max_num_seqs: vLLM refuses it: invalid int"),
    ],
)
def test_a_value_that_vllm_does_not_take_is_named(args: dict[str, object], said: str) -> None:
    assert refusal(**args).startswith(said)


def test_a_dtype_that_vllm_does_not_know_is_refused() -> None:
    assert "dtype" in refusal(dtype="float99")


@pytest.mark.parametrize(("name", "said"), [("small.gguf", "converted"), ("", "config.json")])
def test_what_is_no_model_of_vllms_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(BadOptions, match=said):
        check_source(tmp_path / name)
    (tmp_path / "config.json").touch()
    check_source(tmp_path)


def test_what_pydantic_wraps_around_a_sentence_is_taken_off() -> None:
    wrapped = ValueError(
        "1 validation error for ModelConfig\n  Value error, The model is too odd.\nReally. "
        "[type=value_error, input_value=..., input_type=ArgsKwargs]\n    For further information"
    )
    assert tidy(wrapped) == "The model is too odd.\nReally."
    assert tidy(ValueError("plain")) == "plain"
    assert len(tidy(ValueError("x is none of " + "y, " * 1000))) < 400
