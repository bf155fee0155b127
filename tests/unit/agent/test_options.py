import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.support.engines import assignment
from xinf.agent.options import Birth, engine_args, engine_env, rule_lines, shim_options
from xinf.core.json import JsonValue
from xinf.core.placement import AppliedRule, EngineConfig, ReplicaAssignment
from xinf.core.units import GIB

BIRTH = Birth("i", "/models/small", Path("/p"), 600.0)
NCCL = AppliedRule(
    *("no-p2p", "these cards have no peer-to-peer.", "https://example.org/p2p"),
    args={"disable_custom_all_reduce": True},
    env={"NCCL_P2P_DISABLE": "1"},
)
BACKEND = AppliedRule("backend", "fp8 needs it.", args={"attention_backend": "TRITON_ATTN"})


def placed(
    args: Mapping[str, JsonValue] | None = None,
    env: Mapping[str, str] | None = None,
    **changes: object,
) -> ReplicaAssignment:
    config = EngineConfig(
        *("vllm", "vllm-cuda", "hf:a/b", ("a", "b")),
        context=8192,
        args=args or {},
        env=env or {},
    )
    plain = replace(assignment(), config=config, rules=(NCCL, BACKEND))
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_the_plan_s_numbers_are_told_as_they_are() -> None:
    two = placed(devices=("GPU-1", "GPU-2"), memory_bytes=9 * GIB, cache_bytes=4 * GIB)
    told = shim_options(two, BIRTH)
    assert (told["devices"], told["memory_bytes"], told["cache_bytes"]) == (2, 9 * GIB, 4 * GIB)
    assert (told["engine"], told["source"]) == ("vllm", "/models/small")
    assert (told["served_names"], told["instance"]) == (["a", "b"], "i")
    assert json.loads(json.dumps(told)) == told


def test_the_context_that_the_plan_found_room_for_is_told_and_else_the_model_s_own() -> None:
    assert shim_options(placed(context=4096), BIRTH)["context"] == 4096
    assert shim_options(placed(), BIRTH)["context"] == 8192


def test_what_auto_means_on_these_devices_is_told_and_a_declared_dtype_stays() -> None:
    known = placed(dtype="float16")
    assert shim_options(known, BIRTH)["dtype"] == "float16"
    declared = replace(known, config=replace(known.config, dtype="bfloat16"))
    assert shim_options(declared, BIRTH)["dtype"] == "bfloat16"
    assert shim_options(placed(), BIRTH)["dtype"] == "auto"


def test_rules_set_what_the_user_says_nothing_about() -> None:
    args = engine_args(placed({"max_num_seqs": 8}))
    assert args == {
        "disable_custom_all_reduce": True,
        "attention_backend": "TRITON_ATTN",
        "max_num_seqs": 8,
    }


def test_what_the_user_says_wins_over_rules_in_either_spelling() -> None:
    args = engine_args(placed({"attention-backend": "FLASHINFER"}))
    assert args == {"disable_custom_all_reduce": True, "attention-backend": "FLASHINFER"}


def test_variables_of_rules_yield_to_those_of_the_user_and_of_the_model() -> None:
    assert engine_env(placed(), {}, {})["NCCL_P2P_DISABLE"] == "1"
    assert engine_env(placed(), {}, {"NCCL_P2P_DISABLE": "0"})["NCCL_P2P_DISABLE"] == "0"
    own = placed(env={"NCCL_P2P_DISABLE": "2"})
    assert engine_env(own, {}, {"NCCL_P2P_DISABLE": "0"})["NCCL_P2P_DISABLE"] == "2"


def test_nobody_but_the_plan_says_which_devices_an_engine_sees() -> None:
    pinned = {"CUDA_VISIBLE_DEVICES": "GPU-1,MIG-2"}
    own = placed(env={"CUDA_VISIBLE_DEVICES": "0", "OTHER": "x"})
    env = engine_env(own, pinned, {"CUDA_VISIBLE_DEVICES": "1"})
    assert (env["CUDA_VISIBLE_DEVICES"], env["OTHER"]) == ("GPU-1,MIG-2", "x")


def test_what_rules_came_to_is_said_with_reason_and_link() -> None:
    lines = rule_lines(placed({"attention-backend": "FLASHINFER"}), {"NCCL_P2P_DISABLE": "0"})
    assert lines == (
        "xinf sets disable_custom_all_reduce = True: these cards have no peer-to-peer. "
        "https://example.org/p2p (rule no-p2p)",
        "xinf leaves NCCL_P2P_DISABLE as you set it, against rule no-p2p: "
        "these cards have no peer-to-peer. https://example.org/p2p",
        "xinf leaves attention_backend as you set it, against rule backend: fp8 needs it.",
    )
    assert rule_lines(replace(placed(), rules=()), {}) == ()
