"""The doorbell: tells watchers that something was committed. It carries no content.

Listen first, then look, then wait: a ring between looking and waiting is not lost, because the
listener holds the very event that it sets. And who waits looks again after a while in any case, so
a ring that never comes (another process committed) makes things late, never wrong.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from xinf.core.clock import Clock


class Doorbell:
    """Rung and heard on the event loop's thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next = asyncio.Event()

    def listen(self) -> asyncio.Event:
        """What the next ring will set. Take it before looking at the state."""
        return self._next

    def ring(self) -> None:
        rung, self._next = self._next, asyncio.Event()
        rung.set()

    async def wait(self, rung: asyncio.Event, net_s: float) -> None:
        """Until `rung` was rung, or `net_s` seconds have passed."""
        with suppress(TimeoutError):
            async with self._clock.timeout(net_s):
                await rung.wait()
