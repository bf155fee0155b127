"""What the scheduler decides: which replica runs where, how, and why; and what does not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

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
class AppliedRule:
    """What a rule of the compatibility file sets for one engine on its devices, and why."""

    name: str
    reason: str
    link: str = ""
    args: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ReplicaAssignment:
    """One replica's place. `memory_bytes` is its claim on each of `devices` (UUIDs).

    What follows from the place and not from what was declared stands here and not in `config`, for
    it is no reason to restart: `context` is tokens that the plan found room for (None = as in
    `config`), `cache_bytes` the KV cache on each device (None = the engine's own business), `rules`
    what these devices need, `dtype` what "auto" means on them (again "auto" = the engine's choice).
    """

    replica: str
    model: str
    node: str
    devices: tuple[str, ...]
    memory_bytes: int
    config: EngineConfig
    fingerprint: str
    why: str
    context: int | None = None
    cache_bytes: int | None = None
    rules: tuple[AppliedRule, ...] = ()
    dtype: str = "auto"

    def shortens(self, context: int | None) -> bool:
        """Whether an engine that was given `context` tokens has to make do with fewer here: the one
        number of a place for which a live engine starts anew, because others took its memory.
        """
        return self.context is not None and context is not None and self.context < context


class Obstacle(StrEnum):
    """Why a replica has no place, for programs; people read the reason."""

    UNRESOLVED = "unresolved"  # nobody knows how to run it
    UNKNOWN_SIZE = "unknown_size"  # its files are still being looked at
    NO_DEVICE = "no_device"  # this machine has no device of the kind, or the pinned one is away
    INCOMPATIBLE = "incompatible"  # the devices there are cannot run it
    TOO_LARGE = "too_large"  # it would not fit if everything else were gone
    NO_ROOM = "no_room"  # others hold the memory now
    EVICTED = "evicted"  # it was idle, and somebody else was asked for
    YIELDED = "yielded"  # another program took the memory
    ON_DEMAND = "on_demand"  # nobody has asked for it yet


# A place may come without a change of settings or hardware.
PASSING = frozenset(
    {
        Obstacle.UNKNOWN_SIZE,
        Obstacle.NO_ROOM,
        Obstacle.EVICTED,
        Obstacle.YIELDED,
        Obstacle.ON_DEMAND,
    }
)


# Without a place by right, until somebody asks for it or there is room again.
RESTING = frozenset({Obstacle.NO_ROOM, Obstacle.EVICTED, Obstacle.YIELDED, Obstacle.ON_DEMAND})
# It ran until somebody else was given its memory.
FOR_OTHERS = frozenset({Obstacle.EVICTED, Obstacle.YIELDED})


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A wanted replica that has no place. `short_by_bytes` is 0 when memory is not the reason.

    `reason` holds the arithmetic; `nearest_fit` is the smallest change with which it would fit,
    as a person would write it (`context = "112k"`), empty where there is none. `cause` says why a
    replica that had a place has lost it; the reason begins with it.
    """

    replica: str
    model: str
    needs_bytes: int
    short_by_bytes: int
    reason: str
    obstacle: Obstacle = Obstacle.NO_ROOM
    nearest_fit: str = ""
    cause: str = ""

    @property
    def may_fit_later(self) -> bool:
        return self.obstacle in PASSING


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
