"""What an engine tells its observers: its state, its load, and what its KV cache holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from xinf.engine.facts import HealthStatus, status_of
from xinf.engine.load import EngineLoad, load_of
from xinf.protocol.messages import pb


@dataclass(frozen=True, slots=True)
class EngineStatus:
    status: HealthStatus
    reason: str


@dataclass(frozen=True, slots=True)
class BlocksStored:
    """Full blocks that are now cached: opaque names, and all their tokens in order."""

    hashes: tuple[bytes, ...]
    parent: bytes
    token_ids: tuple[int, ...]
    block_size: int
    medium: str


@dataclass(frozen=True, slots=True)
class BlocksRemoved:
    hashes: tuple[bytes, ...]
    medium: str


@dataclass(frozen=True, slots=True)
class BlocksCleared:
    """Nothing is cached any more."""


KVChange: TypeAlias = BlocksStored | BlocksRemoved | BlocksCleared


@dataclass(frozen=True, slots=True)
class Observation:
    """One piece of news. A gap in `sequence`, or another `instance`, means: forget what was known.

    After a gap the cache is told as a whole again, beginning with BlocksCleared.
    """

    sequence: int
    instance: str
    what: EngineStatus | EngineLoad | tuple[KVChange, ...]


def observation_of(message: pb.Observation) -> Observation:
    return Observation(message.sequence, message.instance, _what(message))


def _what(message: pb.Observation) -> EngineStatus | EngineLoad | tuple[KVChange, ...]:
    if message.HasField("load"):
        return load_of(message.load)
    if message.HasField("state"):
        return EngineStatus(status_of(message.state.status), message.state.reason)
    return tuple(_change(event) for event in message.kv.events)


def _change(event: pb.KVEvent) -> KVChange:
    if event.HasField("stored"):
        stored = event.stored
        return BlocksStored(
            hashes=tuple(stored.hashes),
            parent=stored.parent,
            token_ids=tuple(stored.token_ids),
            block_size=stored.block_size,
            medium=stored.medium,
        )
    if event.HasField("removed"):
        return BlocksRemoved(tuple(event.removed.hashes), event.removed.medium)
    return BlocksCleared()
