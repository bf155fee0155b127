"""The promise of an agent to be watching. A shim that nobody asks for long enough ends itself."""

from __future__ import annotations

import asyncio
import time


class Lease:
    """`seconds` without `renew` are too long; 0 = never."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._renewed_at = time.monotonic()

    def renew(self) -> None:
        self._renewed_at = time.monotonic()

    async def wait_expired(self) -> None:
        if not self._seconds:
            await asyncio.Event().wait()
        # A renewal needs no event: it only makes the next look later.
        while (left := self._renewed_at + self._seconds - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
