"""What the scheduler decides: which replica runs where, how, and why; and what does not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xinf.core.json import JsonValue


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Everything an engine is told, beyond where it runs. `context` is tokens, None = the model's.

    `args` are the engine's own settings (for `sim`, the fields of SimSpec).
    """

    engine: str
    runtime: str
    source: str
    served_names: tuple[str, ...]
    context: int | None = None
    dtype: str = "auto"
    args: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ReplicaAssignment:
    """One replica's place. `memory_bytes` is its claim on each of `devices` (UUIDs)."""

    replica: str
    model: str
    node: str
    devices: tuple[str, ...]
    memory_bytes: int
    config: EngineConfig
    fingerprint: str
    why: str


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A wanted replica that has no place. `short_by_bytes` is 0 when memory is not the reason."""

    replica: str
    model: str
    needs_bytes: int
    short_by_bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class PlacementPlan:
    """The whole decision. Replicas are in neither tuple only if nobody wants them."""

    assignments: tuple[ReplicaAssignment, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()


def replica_name(model: str, index: int) -> str:
    """`NAME/0`: the unit of placement."""
    return f"{model}/{index}"


def model_of(replica: str) -> str:
    """The model that `replica` is a copy of."""
    return replica.rpartition("/")[0]
