"""A doorbell: it says "look again" and nothing else, so no ring can be stale or lost."""

from __future__ import annotations

import asyncio

from xinf.core.clock import Clock


class Wake:
    """Any number of rings before a look are one look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, at_most_s: float) -> None:
        """Until the next ring, or until `at_most_s` have passed: even a lost ring is only late."""
        try:
            async with self._clock.timeout(at_most_s):
                await self._rung.wait()
        except TimeoutError:
            pass
        self._rung.clear()
