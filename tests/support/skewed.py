"""A clock of its own for each process: another zero, another speed, one true time behind them."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from xinf.core.clock import Clock


class SkewedClock:
    """Runs `speed` times as fast as `true`."""

    def __init__(self, true: Clock, speed: float, zero: float) -> None:
        self._true = true
        self._speed = speed
        self._zero = zero

    def now(self) -> float:
        return self._zero + self._true.now() * self._speed

    def wall(self) -> float:
        return self.now()

    async def sleep(self, seconds: float) -> None:
        await self._true.sleep(seconds / self._speed)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return self._true.timeout(seconds / self._speed)
