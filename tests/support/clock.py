"""Time that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

# How often everything that is ready gets a turn before time moves on. More than the longest chain
# of tasks that wake each other in one instant.
SETTLE_TURNS = 50
# After so many turns that nobody else wanted, nobody will.
QUIET_TURNS = 3


class VirtualClock:
    """A core.clock.Clock for tests. Sleepers wake in the order of their deadlines."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._now = 0.0
        self._wall = wall
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._wall + self._now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return self._timeout(seconds)

    @asynccontextmanager
    async def _timeout(self, seconds: float) -> AsyncIterator[None]:
        inner = asyncio.timeout(None)

        async def expire() -> None:
            await self.sleep(seconds)
            inner.reschedule(0.0)  # a moment long past on the loop's own clock

        alarm = asyncio.ensure_future(expire())
        try:
            async with inner:
                yield
        finally:
            alarm.cancel()

    async def advance(self, seconds: float) -> None:
        """Move time forward, waking sleepers in deadline order and letting each react."""
        end = self._now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():  # the sleeper may have been cancelled
                woken.set_result(None)
            await settle()
        self._now = end


async def settle() -> None:
    """Let every ready task run until it waits again."""
    ready = getattr(asyncio.get_running_loop(), "_ready", True)  # uvloop does not show it
    quiet = 0
    for _ in range(SETTLE_TURNS):
        await asyncio.sleep(0)
        # Whoever is to have a turn after this one stands there, but not yet what a thread hands in.
        quiet = 0 if ready else quiet + 1
        if quiet == QUIET_TURNS:
            return
