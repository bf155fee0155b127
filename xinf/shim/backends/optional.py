"""What some engines can tell beyond the backend contract. The shim asks by `isinstance`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable


@dataclass(frozen=True, slots=True)
class BlocksStored:
    """Full blocks that are now in the cache: opaque names, and all their tokens in order."""

    hashes: tuple[bytes, ...]
    parent: bytes
    token_ids: tuple[int, ...]
    block_size: int
    medium: str = ""


@dataclass(frozen=True, slots=True)
class BlocksRemoved:
    hashes: tuple[bytes, ...]
    medium: str = ""


@dataclass(frozen=True, slots=True)
class BlocksCleared:
    """Nothing is cached any more."""


KVChange: TypeAlias = BlocksStored | BlocksRemoved | BlocksCleared


@runtime_checkable
class TellsKVEvents(Protocol):
    """An engine whose cache can be followed. Capability `kv_events`."""

    def kv_snapshot(self) -> Sequence[KVChange]:
        """What is cached now, parents before children; never waits."""
        ...

    def subscribe_kv(self, tell: Callable[[Sequence[KVChange]], None]) -> Callable[[], None]:
        """Call `tell` on the event loop with every change from now on; returns how to stop it."""
        ...


@dataclass(frozen=True, slots=True)
class EngineMetrics:
    """Prefix cache in tokens asked for and found; `prometheus` is the engine's own text."""

    prefix_cache_queries: int = 0
    prefix_cache_hits: int = 0
    prometheus: bytes = b""


@runtime_checkable
class TellsMetrics(Protocol):
    """An engine with numbers of its own. Capability `metrics`."""

    async def metrics(self) -> EngineMetrics:
        """Bounded: returns within a second."""
        ...
