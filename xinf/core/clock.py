"""Time as a collaborator: pure code takes `now`, waiting code takes a Clock.

`xinf.clock` is the real one; tests bring one that stands still until they move it.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Monotonic seconds; meaningful only as a difference, within one process."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch, for people and for records that outlive the process."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Leave the block with TimeoutError once `seconds` have passed."""
        ...
