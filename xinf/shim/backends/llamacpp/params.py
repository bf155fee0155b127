"""From a model's engine arguments to llama.cpp's parameters, each checked before anything loads."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from xinf.shim.backends.llamacpp.threads import compute_threads, prefill_threads
from xinf.shim.options import BadOptions

PARALLEL = 4
# One prefill step. Everybody's next token waits for it, and so does noticing a closed connection:
# about a second for a small model on two cores.
BATCH_TOKENS = 256
# Connections beyond the requests that run: health, metrics and facts are asked beside them.
SPARE_CONNECTIONS = 4

# Settings of xinf's own, not fields of llama.cpp's parameters.
OWN = ("parallel", "threads", "batch_threads")
# What xinf decides itself, with where to say it instead.
TAKEN = {
    "model": "the model's `source`",
    "model_alias": "the model's name and `aliases`",
    "n_ctx": "the model's `context`",
    "n_parallel": "`parallel`",
    "cpuparams": "`threads`",
    "cpuparams_batch": "`batch_threads`",
    **dict.fromkeys(
        (
            "hostnames", "port", "api_keys", "api_prefix", "public_path", "ssl_file_cert",
            "ssl_file_key", "n_threads_http", "reuse_port", "ui", "models_dir", "embedding",
            "server_tools", "mcp_servers_config", "mcp_servers_json", "slot_save_path",
        ),
        "nothing: the engine is reached through xinf alone",
    ),
}  # fmt: skip
# Where xinf's choice differs from llama.cpp's; an engine argument wins.
CHOICES: Mapping[str, object] = {
    "n_batch": BATCH_TOKENS,
    "n_ubatch": BATCH_TOKENS,
    # The planner has budgeted weights and one KV cache; llama.cpp would keep up to 8 GiB of old
    # prompts beside them, and would shrink the context to what it finds free.
    "cache_ram_mib": 0,
    "fit_params": False,
    # xinf's own first answer warms up.
    "warmup": False,
    # A last message of the assistant is not continued: OpenAI's API starts a new one.
    "prefill_assistant": False,
    "endpoint_metrics": True,
    "endpoint_props": False,
    # Errors only: it warns about every prompt that it finds whole in its cache.
    "verbosity": 1,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of llama.cpp. `context` is tokens of one request."""

    model: str
    alias: str
    socket: str
    context: int
    parallel: int


def fill(params: Any, plan: Plan, args: Mapping[str, object]) -> None:
    """Set every field of a CommonParams. Raises BadOptions for an argument that cannot be."""
    for name, value in CHOICES.items():
        setattr(params, name, value)
    for name, value in args.items():
        if name not in OWN:
            setattr(params, name, _checked(params, name, value))
    params.model.path = plan.model
    params.model_alias = {plan.alias}
    params.hostnames = [plan.socket]
    params.port = 0
    params.ui = False
    # llama.cpp divides its context evenly among the requests that run at the same time.
    params.n_ctx = plan.context * plan.parallel
    params.n_parallel = plan.parallel
    params.n_threads_http = plan.parallel + SPARE_CONNECTIONS
    threads = count(args, "threads", 0)
    params.cpuparams.n_threads = threads or compute_threads()
    params.cpuparams_batch.n_threads = count(args, "batch_threads", threads) or prefill_threads()


def count(args: Mapping[str, object], name: str, default: int) -> int:
    """A whole number of at least 1 from `args`; None means the default."""
    value = args.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadOptions(
            f"engine argument {name} = {value!r}: must be a whole number of at least 1"
        )
    return value


def _checked(params: Any, name: str, value: object) -> object:
    if name in TAKEN:
        raise BadOptions(f"engine argument {name}: xinf sets it itself; use {TAKEN[name]}")
    known = [field for field in dir(params) if not field.startswith("_")]
    if name not in known:
        raise BadOptions(
            f"engine argument {name}: llama.cpp has none of that name.{_hint(name, known)}"
        )
    return _as(getattr(params, name), name, value)


def _as(now: object, name: str, value: object) -> object:
    """`value` as the type of the field that holds `now`."""
    if isinstance(now, Enum):
        return _member(type(now), name, value)
    kind: type = now.__class__
    if kind is list and isinstance(value, Sequence) and not isinstance(value, str):
        return list(cast("Sequence[object]", value))
    same = isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not same:
        raise BadOptions(f"engine argument {name} = {value!r}: must be of type {kind.__name__}")
    return value


def _member(kind: type[Enum], name: str, value: object) -> Enum:
    """The member of `kind` whose name ends in `value`: "q8_0" is GGML_TYPE_Q8_0."""
    ending = f"_{value}".upper()
    found = [member for member in kind if member.name.upper().endswith(ending)]
    if not found:
        allowed = ", ".join(member.name for member in kind)
        raise BadOptions(
            f"engine argument {name} = {value!r}: must end the name of one of {allowed}"
        )
    return min(found, key=lambda member: len(member.name))


def _hint(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, [*OWN, *(set(known) - TAKEN.keys())], n=1)
    return f" Did you mean {close[0]}?" if close else ""
