"""Why a shim ends: the exit codes that its agent reads, and the one place that collects reasons."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

STOPPED = 0
BAD_OPTIONS = 64
ENGINE_DIED = 70
LOAD_FAILED = 71
ORPHANED = 75


@dataclass(frozen=True, slots=True)
class Exit:
    code: int
    reason: str


class StopAsked(BaseException):
    """SIGTERM while the model is being built. Not an Exception: no backend may catch it."""


class Stop:
    """Whoever asks first decides why; the others only come late."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._exit: Exit | None = None

    @property
    def is_asked(self) -> bool:
        return self._exit is not None

    def ask(self, code: int, reason: str) -> None:
        if self._exit is None:
            self._exit = Exit(code, reason)
            self._asked.set()

    async def wait(self) -> Exit:
        await self._asked.wait()
        assert self._exit is not None
        return self._exit
