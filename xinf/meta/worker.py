"""Where the store's SQL runs: in one thread that one object owns, or inline in a simulation.

Jobs run one after the other, in the order in which they were asked for. A job is never cut short:
a caller that is cancelled either takes its job out of the queue or leaves it to finish unheard, so
a transaction, which is one job, is never left half done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol, TypeVar

from xinf.core.clock import Clock
from xinf.meta.store import StoreClosed

T = TypeVar("T")


class Worker(Protocol):
    async def call(self, job: Callable[[], T]) -> T:
        """Run `job`; raises what it raises, and StoreClosed after `close`."""
        ...

    def notify(self, callback: Callable[[], None]) -> None:
        """From within a job: have `callback` called on the event loop's thread."""
        ...

    async def close(self, last: Callable[[], None], *, within_s: float, clock: Clock) -> None:
        """Finish what was asked for, run `last`, accept nothing more.

        Gives up waiting (not the work) after `within_s` seconds, or when cancelled.
        """
        ...


class OwnThread:
    """One thread, started by the first job and ended by `close`."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._is_closed = False

    async def call(self, job: Callable[[], T]) -> T:
        if self._is_closed:
            raise StoreClosed
        return await self._loop.run_in_executor(self._executor, job)

    def notify(self, callback: Callable[[], None]) -> None:
        # The loop is gone if `close` gave up on us; then nobody is left to be told.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)

    async def close(self, last: Callable[[], None], *, within_s: float, clock: Clock) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        ending = self._loop.run_in_executor(self._executor, last)
        self._executor.shutdown(wait=False)
        with suppress(TimeoutError):
            async with clock.timeout(within_s):
                # Shielded, because cancelling would take `last` out of the queue.
                await asyncio.shield(ending)
            self._executor.shutdown(wait=True)  # the thread has nothing left to do but to end


class Inline:
    """No thread: a job runs at once, in the caller's turn. For simulations."""

    def __init__(self) -> None:
        self._is_closed = False

    async def call(self, job: Callable[[], T]) -> T:
        if self._is_closed:
            raise StoreClosed
        return job()

    def notify(self, callback: Callable[[], None]) -> None:
        callback()

    async def close(self, last: Callable[[], None], *, within_s: float, clock: Clock) -> None:
        del within_s, clock
        if not self._is_closed:
            self._is_closed = True
            last()
