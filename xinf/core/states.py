"""The states of an engine and of a model, and the one table of moves between engine states.

An engine state says what a process is doing; `ps` shows it. A model state says what a user may
expect of a model; `ls` shows it, and it is always derived from the engines (see `core.views`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class EngineState(StrEnum):
    PENDING = "pending"
    PROVISIONING = "provisioning"
    STARTING = "starting"
    LOADING = "loading"
    WARMING = "warming"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    STOPPED = "stopped"
    ASLEEP = "asleep"
    WAKING = "waking"
    BACKOFF = "backoff"
    FAILED = "failed"


class ModelState(StrEnum):
    OFF = "off"
    QUEUED = "queued"
    LOADING = "loading"
    READY = "ready"
    ASLEEP = "asleep"
    DRAINING = "draining"
    FAILED = "failed"


_S = EngineState
# What ends a start wherever it is: asked to stop, gone, to be tried again, or given up.
_ENDS = frozenset({_S.STOPPING, _S.STOPPED, _S.BACKOFF, _S.FAILED})

TRANSITIONS: Mapping[EngineState, frozenset[EngineState]] = MappingProxyType(
    {
        _S.PENDING: _ENDS | {_S.PROVISIONING, _S.STARTING},
        _S.PROVISIONING: _ENDS | {_S.STARTING},
        _S.STARTING: _ENDS | {_S.LOADING, _S.WARMING, _S.READY},
        _S.LOADING: _ENDS | {_S.WARMING, _S.READY},
        _S.WARMING: _ENDS | {_S.READY},
        _S.READY: _ENDS | {_S.DRAINING},
        # A drain ends in a stop, in sleep, or in the engine's death; the shim refuses new work
        # meanwhile, so there is no way back to ready except through a wake.
        _S.DRAINING: _ENDS | {_S.ASLEEP},
        _S.STOPPING: frozenset({_S.STOPPED}),
        _S.STOPPED: frozenset({_S.PENDING}),
        _S.ASLEEP: _ENDS | {_S.WAKING},
        _S.WAKING: _ENDS | {_S.READY},
        _S.BACKOFF: frozenset({_S.PENDING, _S.STOPPED, _S.FAILED}),
        _S.FAILED: frozenset({_S.PENDING, _S.STOPPED}),
    }
)

# A process exists, or may exist, in these.
LIVE = frozenset(
    {
        _S.STARTING,
        _S.LOADING,
        _S.WARMING,
        _S.READY,
        _S.DRAINING,
        _S.STOPPING,
        _S.ASLEEP,
        _S.WAKING,
    }
)
# On the way to ready; a request may wait for these.
RISING = frozenset(
    {
        _S.PENDING,
        _S.PROVISIONING,
        _S.STARTING,
        _S.LOADING,
        _S.WARMING,
        _S.WAKING,
        _S.BACKOFF,
    }
)
# On the way out; nothing more is to be asked of these.
LEAVING = frozenset({_S.DRAINING, _S.STOPPING})


class IllegalTransition(AssertionError):
    """A move that the table does not have: our bug, never the user's."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One move, as it becomes an event. `at` is wall-clock seconds."""

    before: EngineState
    after: EngineState
    reason: str
    at: float


def advance(before: EngineState, after: EngineState, reason: str, at: float) -> Transition:
    """The move from `before` to `after`; raises IllegalTransition if the table has no such move."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"{before} -> {after} ({reason})")
    return Transition(before, after, reason, at)
