"""A blocking call that is waited for only so long, and never made twice at a time.

A call that hangs in a driver cannot be ended by anybody. So it has a thread of its own: not one of
the loop's pool, which would be joined at the end of the process and keep it from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, TypeVar

from xinf.core.clock import Clock

_T = TypeVar("_T")


class BoundedCall(Generic[_T]):
    """`call` blocks. Used by one task at a time."""

    def __init__(self, call: Callable[[], _T], clock: Clock, name: str) -> None:
        self._call = call
        self._clock = clock
        self._name = name
        self._running: tuple[Future[_T], asyncio.Event] | None = None

    async def within(self, seconds: float) -> _T:
        """What the call returns, or raises.

        Raises TimeoutError after `seconds`. Then the call goes on, and whoever comes next waits for
        that same one; what it finds after everybody has left is too old and never told.
        """
        if self._running is None or self._running[0].done():
            self._running = self._begin()
        result, ended = self._running
        async with self._clock.timeout(seconds):
            await ended.wait()
        return result.result()

    def _begin(self) -> tuple[Future[_T], asyncio.Event]:
        result: Future[_T] = Future()
        ended, loop = asyncio.Event(), asyncio.get_running_loop()

        def run() -> None:
            try:
                result.set_result(self._call())
            except BaseException as error:
                result.set_exception(error)
            with suppress(RuntimeError):  # the loop may have ended meanwhile
                loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=run, name=self._name, daemon=True).start()
        return result, ended
