"""Whose turn it is: a few places, and a queue in order of priority."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Turns:
    """`places` may hold one at the same time; the others wait, lowest priority number first."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._order = itertools.count()
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self.running = 0
        self.waiting = 0

    @asynccontextmanager
    async def take(self, priority: int) -> AsyncGenerator[None]:
        """Wait for a place, and give it back when the block is left."""
        await self._enter(priority)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, priority: int) -> None:
        if self.running < self._places:
            self.running += 1
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (priority, next(self._order), called))
        self.waiting += 1
        try:
            await called
        except asyncio.CancelledError:
            # Called and cancelled in the same instant: the place was ours and must go on.
            if called.done() and not called.cancelled():
                self._leave()
            raise
        finally:
            self.waiting -= 1

    def _leave(self) -> None:
        """Hand the place to whoever is next, or free it."""
        while self._queue:
            _, _, called = heapq.heappop(self._queue)
            if not called.done():
                called.set_result(None)
                return
        self.running -= 1
