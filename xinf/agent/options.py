"""What a shim is told, out of its assignment: settings, the plan's numbers, and its environment.

Three speak about one engine. What the user said of the model holds; what the rules of the devices
ask for stands below it; the plan's numbers are facts of the place and nobody else's to choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from xinf.core.json import JsonValue
from xinf.core.placement import AppliedRule, ReplicaAssignment


@dataclass(frozen=True, slots=True)
class Birth:
    """What is settled for one start of one shim."""

    instance: str
    source: str
    private_dir: Path
    orphan_lease_s: float


def shim_options(assignment: ReplicaAssignment, birth: Birth) -> dict[str, JsonValue]:
    """The file behind `--config`."""
    config = assignment.config
    context = config.context if assignment.context is None else assignment.context
    return {
        "engine": config.engine,
        "instance": birth.instance,
        "source": birth.source,
        "served_names": list(config.served_names),
        "context": context,
        "dtype": assignment.dtype if config.dtype == "auto" else config.dtype,
        "devices": len(assignment.devices),
        "memory_bytes": assignment.memory_bytes,
        "cache_bytes": assignment.cache_bytes,
        "args": engine_args(assignment),
        "orphan_lease_seconds": birth.orphan_lease_s,
        "private_dir": str(birth.private_dir),
    }


def engine_args(assignment: ReplicaAssignment) -> dict[str, JsonValue]:
    """The engine's own settings: the model's, and those of rules that it says nothing about."""
    said = {_plain(name) for name in assignment.config.args}
    ruled = {
        name: value
        for rule in assignment.rules
        for name, value in rule.args.items()
        if _plain(name) not in said
    }
    return {**ruled, **assignment.config.args}


def engine_env(
    assignment: ReplicaAssignment, visible: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """The environment of its processes. `environ` is ours, what users exported included.

    Which devices it may see is nobody else's word: with another one it would take memory that the
    plan has given to others.
    """
    ruled = {name: value for rule in assignment.rules for name, value in rule.env.items()}
    return {**ruled, **environ, **assignment.config.env, **visible}


def rule_lines(assignment: ReplicaAssignment, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What the rules of its devices came to, for the engine's log."""
    args = {_plain(name) for name in assignment.config.args}
    names = args | environ.keys() | assignment.config.env.keys()
    return tuple(line for rule in assignment.rules for line in _told(rule, names))


def _told(rule: AppliedRule, said: set[str]) -> Iterator[str]:
    """`said` is what others set: there the rule holds no more."""
    settings = {**rule.args, **rule.env}
    holds = [f"{name} = {value}" for name, value in settings.items() if _plain(name) not in said]
    yields = [name for name in settings if _plain(name) in said]
    because = f"{rule.reason} {rule.link}".strip()
    if holds:
        yield f"xinf sets {', '.join(holds)}: {because} (rule {rule.name})"
    if yields:
        yield f"xinf leaves {', '.join(yields)} as you set it, against rule {rule.name}: {because}"


def _plain(name: str) -> str:
    """Engines take their settings in both spellings."""
    return name.replace("-", "_")
