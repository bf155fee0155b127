"""Hearing the commits of other processes: the kernel tells that the WAL was written to.

That comes a little too early: SQLite makes a commit visible after it has written (and, if it must
be durable, synced) it. So whoever is told looks at once, and then again after ever longer pauses.

Our own commits write to the same file. They ring by themselves, so what the kernel tells while one
is, or was just, under way is no reason to look at once: only some time later, lest another's commit
in the same moment be overheard. And what is lost here is only late: watchers look by themselves
once a second (see `meta.sqlite`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from xinf.core.clock import Clock
from xinf.meta.filewatch import watch_files

# When to look after another process wrote. Without a sync the commit is visible at the first or
# second look; with one it takes as long as the disk does, to which doubling adds at most as much.
PAUSES_S = (0.0, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512)

# The same after we wrote: under a storm of our own this is 60 looks a second, of some 50 µs each.
OWN_PAUSES_S = PAUSES_S[5:]


class Neighbours:
    """Calls `ring` once another process has committed.

    `version` reads a number that moves with the commits of others. `marks` gives one that grows
    when a write of ours begins and when it ends, so that it is odd while one is under way.
    """

    def __init__(
        self,
        version: Callable[[], Awaitable[int]],
        marks: Callable[[], int],
        ring: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._version = version
        self._marks = marks
        self._ring = ring
        self._clock = clock
        self._version_seen: int | None = None
        self._marks_seen = 0
        self._stirred = asyncio.Event()
        self._is_others = asyncio.Event()

    def stir(self) -> None:
        """The WAL was written to, by whomever."""
        marks = self._marks()
        if marks == self._marks_seen and marks % 2 == 0:
            self._is_others.set()
        self._marks_seen = marks
        self._stirred.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._stirred.wait()
            await self._look_out()

    async def _look_out(self) -> None:
        """Until a commit is seen, none is to be expected any more, or the file stirs again."""
        self._stirred.clear()
        pauses = PAUSES_S if self._is_others.is_set() else OWN_PAUSES_S
        self._is_others.clear()
        for pause in pauses:
            if pause:
                await self._rest(pause)
            if await self._has_moved():
                self._ring()
                return
            if self._stirred.is_set():
                return

    async def _rest(self, pause: float) -> None:
        with suppress(TimeoutError):
            async with self._clock.timeout(pause):
                await self._is_others.wait()

    async def _has_moved(self) -> bool:
        before = self._version_seen
        # A watcher meets the same trouble, and tells of it.
        with suppress(sqlite3.Error):
            self._version_seen = await self._version()
        return self._version_seen != before


@asynccontextmanager
async def listening(wal: Path, neighbours: Neighbours) -> AsyncGenerator[None]:
    """Within the block `neighbours` run, told by the kernel; not at all where it does not tell."""
    with watch_files((wal,), neighbours.stir) as is_told:
        if not is_told:
            yield
            return
        running = asyncio.create_task(neighbours.run(), name="neighbours")
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait((running,))
        if not running.cancelled():
            running.result()  # it never returns, so this raises what ended it
