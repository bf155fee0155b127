"""What observers are told: state, load and KV-cache events, first as a whole, then as they change.

Each observer has a feed of its own, numbered from 1. A feed that is not read fast enough loses its
oldest news, which its reader sees as a gap in the numbers, and is then given the whole again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from xinf.protocol.messages import pb
from xinf.shim.backends.base import EngineBackend
from xinf.shim.backends.optional import BlocksCleared, KVChange, TellsKVEvents
from xinf.shim.wire import kv_message, load_message

INTERVAL_SECONDS = 1.0
INTERVAL_SECONDS_MIN = 0.05

# Changes that may wait for one observer: about 1 MB with 16-token blocks.
CHANGES_MAX = 4096


class Feed:
    """News for one observer."""

    def __init__(self, backend: EngineBackend, state: Callable[[], pb.Observation.State]) -> None:
        self._backend = backend
        self._state = state
        self._changes: list[KVChange] = []
        self._has_lost = False
        self._news = asyncio.Event()
        self._is_closed = False

    def tell_kv(self, changes: Sequence[KVChange]) -> None:
        if len(self._changes) + len(changes) > CHANGES_MAX:
            self._changes.clear()
            self._has_lost = True
        elif not self._has_lost:
            self._changes.extend(changes)
        self._news.set()

    def tell_state(self) -> None:
        """The state may have changed: say it before the interval is over."""
        self._news.set()

    def close(self) -> None:
        self._is_closed = True
        self._news.set()

    async def observations(self, interval: float) -> AsyncGenerator[pb.Observation]:
        """News for ever, load at least every `interval` seconds."""
        told_state: pb.Observation.State | None = None
        sequence = 0
        self._changes[:] = self._whole_cache()
        while not self._is_closed:
            self._news.clear()
            sequence += self._has_lost
            for each in self._take(told_state):
                sequence += 1
                each.sequence = sequence
                told_state = each.state if each.HasField("state") else told_state
                yield each
            await self._wait(interval)

    def _take(self, told_state: pb.Observation.State | None) -> list[pb.Observation]:
        observations: list[pb.Observation] = []
        state = self._state()
        if state != told_state:
            observations.append(pb.Observation(state=state))
        observations.append(pb.Observation(load=load_message(self._backend.load())))
        if self._has_lost:
            self._has_lost = False
            self._changes[:] = [BlocksCleared(), *self._whole_cache()]
        if self._changes:
            observations.append(pb.Observation(kv=kv_message(self._changes)))
            self._changes.clear()
        return observations

    def _whole_cache(self) -> Sequence[KVChange]:
        backend = self._backend
        return backend.kv_snapshot() if isinstance(backend, TellsKVEvents) else ()

    async def _wait(self, interval: float) -> None:
        try:
            async with asyncio.timeout(interval):
                await self._news.wait()
        except TimeoutError:
            pass  # Nothing happened: load is due.


class Observers:
    """Owner of all feeds."""

    def __init__(self, backend: EngineBackend, state: Callable[[], pb.Observation.State]) -> None:
        self._backend = backend
        self._state = state
        self._feeds: set[Feed] = set()

    async def follow(self, interval: float) -> AsyncGenerator[pb.Observation]:
        """One observer's stream, until it leaves or the shim closes."""
        feed = Feed(self._backend, self._state)
        self._feeds.add(feed)
        unsubscribe: Callable[[], None] | None = None
        if isinstance(self._backend, TellsKVEvents):
            unsubscribe = self._backend.subscribe_kv(feed.tell_kv)
        try:
            news = feed.observations(max(interval, INTERVAL_SECONDS_MIN))
            async with aclosing(news):
                async for each in news:
                    yield each
        finally:
            self._feeds.discard(feed)
            if unsubscribe is not None:
                unsubscribe()

    def tell_state(self) -> None:
        for feed in self._feeds:
            feed.tell_state()

    def close(self) -> None:
        for feed in tuple(self._feeds):
            feed.close()
