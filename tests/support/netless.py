"""Real time in which long waits never end: who waits for a net to catch it waits in vain."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from xinf.clock import SystemClock
from xinf.meta.sqlite import NET_S


class NetlessClock(SystemClock):
    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return super().timeout(seconds if seconds < NET_S else 3600.0)
