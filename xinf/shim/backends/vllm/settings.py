"""From what xinf decided and the user added to the settings of vLLM, checked by vLLM itself."""

from __future__ import annotations

import difflib
import json
import re
from argparse import Action, ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

from xinf.shim.backends.base import EngineOptions
from xinf.shim.options import BadOptions

GIB = 1024**3
# vLLM would take nearly all memory of the machine for its cache; a GPU's it may have.
CPU_KV_BYTES = GIB
# CUDA and NCCL hold this much, or less, of an engine's claim before vLLM looks what is free.
CONTEXT_BYTES = GIB
# vLLM takes a share of a device's memory; finer than this it need not be, and never nothing.
SHARE_STEPS = 10_000
# How a model is divided is the user's own business once one of these is said.
PARALLEL = frozenset({"tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"})
# "The most that fits": vLLM looks how much context its memory allows.
AUTO_CONTEXT = -1

SAID_MAX = 300
# What a model's folder must hold: Hugging Face's form, or Mistral's.
CONFIGS = ("config.json", "params.json")

_OUR_FACE = "nothing: the engine is reached through xinf alone"
# What xinf decides itself, with where to say it instead.
TAKEN: Mapping[str, str] = {
    "model": "the model's `source`",
    "model_tag": "the model's `source`",
    "served_model_name": "the model's name and `aliases`",
    "max_model_len": "the model's `context`",
    "dtype": "the model's `dtype`",
    "config": "`engine_args`",
    "enable_prompt_tokens_details": "nothing: usage always tells them",
    "enable_log_requests": "nothing: prompts are not written to logs",
    "kv_events_config": "nothing: xinf follows the KV cache itself",
    **dict.fromkeys(
        (
            "host", "port", "uds", "api_key", "root_path", "middleware", "headless", "grpc",
            "ssl_keyfile", "ssl_certfile", "ssl_ca_certs", "ssl_cert_reqs", "ssl_ciphers",
            "enable_ssl_refresh", "api_server_count", "allowed_origins", "allowed_methods",
            "allowed_headers", "allow_credentials", "disable_fastapi_docs", "enable_offline_docs",
            "enable_request_id_headers", "sse_keep_alive_interval",
        ),
        _OUR_FACE,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the engine will run. `device_bytes` is all memory of one device, `kv_endpoint` where
    vLLM is to publish what its KV cache holds; empty = nowhere.
    """

    is_cpu: bool
    device_bytes: int = 0
    kv_endpoint: str = ""


def parse(
    options: EngineOptions, parser: ArgumentParser, known: Mapping[str, Action], machine: Machine
) -> Namespace:
    """The settings for `options`. Raises BadOptions naming the argument that cannot be."""
    own = _checked(options.args, known)
    args = {**choices(options, machine, own), **own}
    parser.error = _refuse  # argparse's own would end the process and say nothing to anybody
    return parser.parse_args(list(command_line(options, args, known)))


def check_source(source: Path) -> None:
    """Raises BadOptions for what cannot be a model of vLLM's, before anything takes long."""
    if source.suffix == ".gguf":
        raise BadOptions("vLLM loads no GGUF file; it must be converted to safetensors before")
    if not any((source / name).is_file() for name in CONFIGS):
        raise BadOptions(f"there is no model in {source}: it has no {CONFIGS[0]}")


def choices(
    options: EngineOptions, machine: Machine, own: Mapping[str, object]
) -> dict[str, object]:
    """Where xinf's choice differs from vLLM's; an engine argument, one of `own`, wins."""
    chosen: dict[str, object] = {
        "enable_prompt_tokens_details": True,
        # Under vLLM's default a request's priority would be taken and ignored.
        "scheduling_policy": "priority",
    }
    if machine.kv_endpoint:
        chosen["kv_events_config"] = {
            "enable_kv_cache_events": True,
            "publisher": "zmq",
            "endpoint": machine.kv_endpoint,
        }
    if options.devices > 1 and not PARALLEL & own.keys():
        chosen["tensor_parallel_size"] = options.devices
    if machine.is_cpu:
        # Compiling takes more than a minute of every start, and needs a compiler on the machine.
        chosen["enforce_eager"] = True
        chosen["kv_cache_memory_bytes"] = options.cache_bytes or CPU_KV_BYTES
    else:
        chosen |= _memory(options, machine, own)
    return chosen


def _memory(
    options: EngineOptions, machine: Machine, own: Mapping[str, object]
) -> dict[str, object]:
    """The plan's numbers for one device of several engines.

    With a size for its cache vLLM measures nothing, and so is not misled by an engine that starts
    or ends beside it. But it still compares a share of the device with what is free there, and its
    default would refuse a second engine. Without a size, that share is all it may take.
    """
    chosen: dict[str, object] = {}
    if options.cache_bytes and "gpu_memory_utilization" not in own:
        chosen["kv_cache_memory_bytes"] = options.cache_bytes
    if options.memory_bytes and machine.device_bytes:
        asked = options.memory_bytes
        if chosen or own.get("kv_cache_memory_bytes"):
            asked = max(asked - CONTEXT_BYTES, 0)
        chosen["gpu_memory_utilization"] = share(asked, machine.device_bytes)
    return chosen


def share(size: int, total: int) -> float:
    """`size` of `total` bytes as vLLM takes it: above 0, at most 1, never less than is meant."""
    steps = -(-size * SHARE_STEPS // total)
    return min(max(steps, 1), SHARE_STEPS) / SHARE_STEPS


def command_line(
    options: EngineOptions, args: Mapping[str, object], known: Mapping[str, Action]
) -> Iterator[str]:
    """The words after `vllm serve`."""
    yield f"--model={options.source}"
    yield from ("--served-model-name", *options.served_names)
    if options.dtype != "auto":
        yield f"--dtype={options.dtype}"
    yield f"--max-model-len={options.context or AUTO_CONTEXT}"
    for name, value in args.items():
        yield from _words(name.replace("-", "_"), value, known)


def tidy(problem: Exception) -> str:
    """What vLLM says, out of what pydantic wraps around it; without lists of all that it knows."""
    text = str(problem)
    wrapped = re.search(r"(?:Value|Assertion) error, (.*?)(?: \[type=|$)", text, re.DOTALL)
    said = (wrapped[1] if wrapped else text).strip()
    return said if len(said) <= SAID_MAX else f"{said[:SAID_MAX]}..."


def _checked(args: Mapping[str, object], known: Mapping[str, Action]) -> Mapping[str, object]:
    for name in args:
        plain = name.replace("-", "_")
        if plain in TAKEN:
            raise BadOptions(f"engine argument {name}: xinf sets it itself; use {TAKEN[plain]}")
        if plain not in known:
            close = difflib.get_close_matches(plain, sorted(known.keys() - TAKEN.keys()), n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise BadOptions(f"engine argument {name}: vLLM has none of that name.{hint}")
    return {name.replace("-", "_"): value for name, value in args.items()}


def _words(name: str, value: object, known: Mapping[str, Action]) -> Iterator[str]:
    """One setting as words; none where vLLM's default says the same."""
    action = known[name]
    flag = "--" + name.replace("_", "-")
    takes_no_value = action.nargs == 0 or isinstance(action, BooleanOptionalAction)
    if value is None:
        return
    if takes_no_value:
        if not isinstance(value, bool):
            raise BadOptions(f"engine argument {name} = {value!r}: must be true or false")
        if value:
            yield flag
        elif isinstance(action, BooleanOptionalAction):
            yield f"--no-{flag[2:]}"
    elif isinstance(value, list) and action.nargs in ("+", "*"):
        yield from (flag, *map(_text, cast("Sequence[object]", value)))
    else:
        yield f"{flag}={_text(cast('object', value))}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _refuse(message: str) -> NoReturn:
    # "argument --max-num-seqs: invalid int value: 'many'"
    found = re.match(r"argument (?:.*/)?--([\w-]+)[^:]*: (.*)", message, re.DOTALL)
    if found:
        name = found[1].replace("-", "_")
        raise BadOptions(f"engine argument {name}: vLLM refuses it: {found[2]}")
    raise BadOptions(f"vLLM refuses its engine arguments: {message}")
