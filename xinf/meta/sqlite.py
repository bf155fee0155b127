"""The MetaStore on one SQLite file.

    caller ──► worker (one thread) ──► connection ──► file: entry, and by its triggers the journal
                                           │ after COMMIT
    watcher ◄── reads the journal ◄── doorbell

A watcher reads the journal by revision; the doorbell only says when it is worth looking. What other
processes commit rings it through a watch on the WAL (`meta.neighbours`). And every watcher looks
once a second in any case, which costs one `PRAGMA data_version` if nothing happened: a bell that
did not ring makes things late, never wrong.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar

from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.core.events import Event
from xinf.meta.connection import Pulse, StoreConnection
from xinf.meta.doorbell import Doorbell
from xinf.meta.events import EventQuery, Recorded
from xinf.meta.failures import explain, explained
from xinf.meta.neighbours import Neighbours, listening
from xinf.meta.opening import alone, open_file
from xinf.meta.store import Change, Delete, Entry, Expect, LeaseState, Listing, Operation, Put
from xinf.meta.worker import Inline, OwnThread, Worker

T = TypeVar("T")

# How late a watcher may be when no bell rings: another process commits where the kernel is silent.
NET_S = 1.0

# How long SQLite waits for another process's transaction; ours take about a millisecond.
BUSY_TIMEOUT_S = 5.0

# Closing waits for what was asked for; SQLite's own wait is the longest part of that.
CLOSE_GRACE_S = 2.0


class SqliteStore:
    """A MetaStore, a LeaseTable and an EventTable; made by `open_store`.

    `notice` tells of a damaged file that was set aside at opening. Every method may raise
    XinfError: DISK_FULL, STORE_CORRUPT, STORE_UNAVAILABLE.
    """

    def __init__(
        self,
        connection: StoreConnection,
        worker: Worker,
        bell: Doorbell,
        path: Path,
        notice: XinfError | None = None,
    ) -> None:
        self.path = path
        self.notice = notice
        self._connection = connection
        self._worker = worker
        self._bell = bell

    async def put(self, key: str, value: str) -> int:
        return await self._run(partial(self._connection.put, Put(key, value)))

    async def get(self, key: str) -> Entry | None:
        return await self._run(partial(self._connection.get, key))

    async def delete(self, key: str) -> int:
        return await self.transact((Delete(key),))

    async def list_prefix(self, prefix: str) -> Listing:
        return await self._run(partial(self._connection.list_prefix, prefix))

    async def compare_and_swap(self, key: str, expected: int | None, value: str) -> int:
        job = partial(self._connection.put, Put(key, value), (Expect(key, expected),))
        return await self._run(job)

    async def transact(self, operations: Sequence[Operation]) -> int:
        return await self._run(partial(self._connection.transact, tuple(operations)))

    async def compact(self, keep_after: int) -> None:
        await self._run(partial(self._connection.compact, keep_after))
        while await self.sweep():
            pass

    async def keep_revisions(self, count: int) -> None:
        """Declare the journal forgotten but for its last `count` revisions; `sweep` removes it."""
        await self._run(partial(self._connection.keep_revisions, count))

    async def sweep(self) -> bool:
        """Remove a slice of the forgotten journal; whether there may be more."""
        return await self._run(self._connection.sweep)

    async def read_lease(self, name: str) -> LeaseState | None:
        return await self._run(partial(self._connection.read_lease, name))

    async def take_lease(self, name: str, holder: str, seen: LeaseState | None) -> int | None:
        return await self._run(partial(self._connection.take_lease, name, holder, seen))

    async def renew_lease(self, name: str, holder: str, epoch: int) -> bool:
        return await self._run(partial(self._connection.renew_lease, name, holder, epoch))

    async def release_lease(self, name: str, holder: str, epoch: int) -> None:
        await self._run(partial(self._connection.release_lease, name, holder, epoch))

    async def append_events(self, events: Sequence[Event]) -> None:
        await self._run(partial(self._connection.append_events, tuple(events)))

    async def list_events(self, query: EventQuery) -> tuple[Recorded, ...]:
        return await self._run(partial(self._connection.list_events, query))

    async def watch(self, prefix: str, after: int) -> AsyncGenerator[Change, None]:
        async for batch in self.watch_batches(prefix, after):
            for change in batch:
                yield change

    async def watch_batches(
        self, prefix: str, after: int
    ) -> AsyncGenerator[tuple[Change, ...], None]:
        seen: Pulse | None = None
        while True:
            rung = self._bell.listen()
            page = await self._run(partial(self._connection.page_after, prefix, after, seen))
            if page is not None:
                after, seen = page.end, page.pulse if page.is_last else None
                if page.changes:
                    yield page.changes
            if seen is not None:
                await self._bell.wait(rung, NET_S)

    def listening(self, clock: Clock) -> AbstractAsyncContextManager[None]:
        """Within the block the commits of other processes ring the bell too."""
        connection = self._connection
        neighbours = Neighbours(
            version=partial(self._worker.call, connection.data_version),
            marks=lambda: connection.write_marks,
            ring=self._bell.ring,
            clock=clock,
        )
        return listening(self.path.with_name(f"{self.path.name}-wal"), neighbours)

    async def _run(self, job: Callable[[], T]) -> T:
        try:
            return await self._worker.call(job)
        except sqlite3.Error as error:
            raise explain(error, self.path) or error from error


@asynccontextmanager
async def open_store(
    path: Path,
    clock: Clock,
    *,
    inline: bool = False,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
) -> AsyncGenerator[SqliteStore]:
    """The store at `path`, made if need be, until the block is left.

    `inline` runs the SQL in the caller's turn instead of a thread: for simulations. Raises
    XinfError: STORE_NEWER, STORE_UNAVAILABLE, DISK_FULL.
    """
    bell = Doorbell(clock)
    worker: Worker = Inline() if inline else OwnThread("xinf-store")
    connection: StoreConnection | None = None

    def opening() -> SqliteStore:
        nonlocal connection
        opened = open_file(path, busy_timeout_s=busy_timeout_s, wall=clock.wall())
        connection = StoreConnection(opened.connection, partial(worker.notify, bell.ring))
        return SqliteStore(connection, worker, bell, path, opened.notice)

    def closing() -> None:
        if connection is not None:
            connection.close()

    async def close() -> None:
        bell.ring()  # a watcher that outlived its owner wakes up and is told
        await worker.close(closing, within_s=busy_timeout_s + CLOSE_GRACE_S, clock=clock)

    try:
        with explained(path):
            async with alone(path.parent, clock=clock, within_s=busy_timeout_s):
                store = await worker.call(opening)
        async with nullcontext() if inline else store.listening(clock):
            yield store
    finally:
        await close()
