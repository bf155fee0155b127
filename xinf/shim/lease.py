"""The promise of an agent to be watching. A shim that nobody asks for long enough ends itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Lease:
    """`seconds` without `renew` are too long; 0 = never."""

    def __init__(
        self,
        seconds: float,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._seconds = seconds
        self._now = now
        self._sleep = sleep
        self._renewed_at = now()

    def renew(self) -> None:
        self._renewed_at = self._now()

    async def wait_expired(self) -> None:
        if not self._seconds:
            await asyncio.Event().wait()
        # A renewal needs no event: it only makes the next look later.
        while (left := self._renewed_at + self._seconds - self._now()) > 0:
            await self._sleep(left)
