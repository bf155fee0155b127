"""Why a model is where it is, or nowhere: all that `xinf why` tells. Sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass

from xinf.core.events import Event
from xinf.core.memory import Basis
from xinf.core.placement import AppliedRule, Unplaced
from xinf.core.states import EngineState, ModelState


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one replica takes on each of its `devices` (a number), and how sure that is.

    `parts` add up to `bytes`; empty where the whole was declared or measured. `context` is tokens,
    None = the engine's own business.
    """

    bytes: int
    basis: Basis
    parts: tuple[tuple[str, int], ...] = ()
    devices: int = 1
    context: int | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """A replica that holds, or is promised, memory of a device."""

    replica: str
    bytes: int
    is_busy: bool = False
    is_pinned: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """A device that the model could run on: `total - reserve - foreign - holders = free`.

    `foreign` is what other programs hold, `is_inferred` where the device does not tell who.
    """

    id: str
    uuid: str
    name: str
    total: int
    reserve: int
    foreign: int
    free: int
    holders: tuple[Holder, ...] = ()
    is_inferred: bool = False


@dataclass(frozen=True, slots=True)
class ReplicaStory:
    """One replica that has a place. `why` is the plan's reason for it, `reason` the engine's for
    the `state` that it is in since `since` (wall seconds); no state before it was begun.

    `devices` are their ids, `bytes` is the claim on each, `rules` what was set for these devices.
    """

    replica: str
    devices: tuple[str, ...]
    bytes: int
    why: str
    state: EngineState | None = None
    reason: str = ""
    since: float | None = None
    context: int | None = None
    rules: tuple[AppliedRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Seating:
    """The scheduler's part of it. `unplaced` are the replicas that have no place."""

    need: Requirement | None = None
    replicas: tuple[ReplicaStory, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()
    rooms: tuple[Room, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """`asked_by` is whose word is in force: the config file (`config_file`), or a command.

    `waiting` requests wait for it now. `events` are the last ones, oldest first.
    """

    model: str
    aliases: tuple[str, ...]
    state: ModelState
    reason: str
    asked_by: str
    activation: str
    engine: str
    source: str
    seating: Seating
    config_file: str = ""
    waiting: int = 0
    events: tuple[Event, ...] = ()
