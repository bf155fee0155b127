"""How the simulated engine behaves, read from the engine's args."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from xinf.shim.options import BadOptions


@dataclass(frozen=True, slots=True)
class SimOptions:
    """Rates are tokens a second: of each stream, and of all prefills together; 0 = no limit.

    Faults count generated tokens since the start of the process, loads since the first one in this
    replica's private directory; 0 = never.
    """

    tokens_per_second: float = 0.0
    prefill_tokens_per_second: float = 0.0
    load_seconds: float = 0.0
    memory_bytes: int = 0
    kv_blocks: int = 4096
    block_size: int = 16
    parallel: int = 32
    crash_after_tokens: int = 0
    hang_after_tokens: int = 0
    wrong_after_tokens: int = 0
    fail_load_times: int = 0


def sim_options(args: Mapping[str, object]) -> SimOptions:
    """Raises BadOptions naming the argument."""
    known = {field.name: field.type for field in fields(SimOptions)}
    checked: dict[str, Any] = {}
    for name, value in args.items():
        if name not in known:
            raise BadOptions(f"args: sim knows no {name!r}; it knows {', '.join(sorted(known))}")
        number = float if known[name] == "float" else int
        accepted = (int, float) if number is float else (int,)
        if isinstance(value, bool) or not isinstance(value, accepted) or value < 0:
            raise BadOptions(f"args: {name} must be {_words(number)} of at least 0, not {value!r}")
        checked[name] = number(value)
    options = SimOptions(**checked)
    if not (options.kv_blocks and options.block_size and options.parallel):
        raise BadOptions("args: kv_blocks, block_size and parallel must be at least 1")
    return options


def _words(number: type) -> str:
    return "a number" if number is float else "a whole number"
