"""One connection and everything that is done with it: transactions, snapshots, the journal.

Blocks, knows no asyncio, and is used by one thread only (see `meta.worker`). A method is one
transaction: it has happened wholly or not at all when it returns or raises.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from xinf.core.events import Event
from xinf.meta import statements as sql
from xinf.meta.events import EventQuery, EventRows, Recorded
from xinf.meta.store import (
    Change,
    Compacted,
    Conflict,
    Delete,
    Entry,
    Expect,
    LeaseState,
    Listing,
    Operation,
    Put,
)

# What people asked for must survive a power cut (`synchronous` FULL: about 0.3 ms more). What was
# observed may lose its last moments: it is observed again.
DURABLE_PREFIXES = ("models/", "keys/")

# Rows read from the journal at a time: about 1 ms of work, so that a watcher that is far behind
# does not hold up the writers.
PAGE_ROWS = 256

# Rows of the journal removed at a time: about 2 ms in which no process can write.
SWEEP_ROWS = 500

# Something that differs whenever anything may have been committed, here or by another process.
Pulse = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Page:
    """Changes up to revision `end`, whole transactions only. `is_last`: there are no more now."""

    changes: tuple[Change, ...]
    end: int
    is_last: bool
    pulse: Pulse


class StoreConnection:
    """`on_commit` is called after each commit of ours that changed something."""

    def __init__(self, connection: sqlite3.Connection, on_commit: Callable[[], None]) -> None:
        self._sql = connection
        self._events = EventRows(connection)
        self._on_commit = on_commit
        self._has_changed = False
        self._is_durable: bool | None = None
        # Grows when a write begins and when it ends. Any thread may read it.
        self.write_marks = 0
        connection.create_function("xinf_change_made", 0, self._mark_changed)
        connection.execute(sql.MARK_CHANGED)

    def close(self) -> None:
        self._sql.close()

    def get(self, key: str) -> Entry | None:
        row = self._sql.execute(sql.GET, (key,)).fetchone()
        return None if row is None else Entry(*row)

    def list_prefix(self, prefix: str) -> Listing:
        with self._snapshot():
            revision, _ = self._head()
            rows = self._sql.execute(sql.LIST, {"prefix": prefix}).fetchall()
        return Listing(tuple(Entry(*row) for row in rows), revision)

    def put(self, put: Put, conditions: Sequence[Expect] = ()) -> int:
        """The revision at which the key now stands. Raises Conflict."""
        with self._transaction((put.key,)):
            self._check(conditions)
            self._apply(put)
            revision = self._revision_of(put.key)
        assert revision is not None
        return revision

    def transact(self, operations: Sequence[Operation]) -> int:
        """The revision of the commit; the last one if nothing changed. Raises Conflict."""
        with self._transaction(operation.key for operation in operations) as revision:
            self._check(operations)
            for operation in operations:
                self._apply(operation)
        return revision if self._has_changed else revision - 1

    def read_lease(self, name: str) -> LeaseState | None:
        row = self._sql.execute(sql.LEASE, (name,)).fetchone()
        return None if row is None else LeaseState(*row)

    def take_lease(self, name: str, holder: str, seen: LeaseState | None) -> int | None:
        counter = None if seen is None else seen.counter
        with self._writing(is_durable=False):
            terms = {"name": name, "holder": holder, "seen": counter}
            if self._sql.execute(sql.TAKE_LEASE, terms).rowcount == 0:
                return None
            taken = self.read_lease(name)
        assert taken is not None
        return taken.epoch

    def renew_lease(self, name: str, holder: str, epoch: int) -> bool:
        with self._writing(is_durable=False):
            return self._sql.execute(sql.RENEW_LEASE, (name, holder, epoch)).rowcount == 1

    def release_lease(self, name: str, holder: str, epoch: int) -> None:
        with self._writing(is_durable=False):
            self._sql.execute(sql.RELEASE_LEASE, (name, holder, epoch))

    def append_events(self, events: Sequence[Event]) -> None:
        with self._writing(is_durable=False):
            self._events.append(events)

    def list_events(self, query: EventQuery) -> tuple[Recorded, ...]:
        return self._events.list(query)

    def page_after(self, prefix: str, after: int, seen: Pulse | None) -> Page | None:
        """What changed below `prefix` after a revision; None if nothing was committed since `seen`.

        Raises Compacted.
        """
        pulse = self._pulse()
        if pulse == seen:
            return None
        with self._snapshot():
            head, compacted = self._head()
            if after < compacted:
                raise Compacted(after, compacted + 1)
            last = self._sql.execute(sql.PAGE_END, {"after": after, "rows": PAGE_ROWS}).fetchone()
            end: int = last[0] if last else max(after, head)
            page = {"prefix": prefix, "after": after, "end": end}
            rows = self._sql.execute(sql.PAGE, page).fetchall()
        return Page(tuple(Change(*row) for row in rows), end, is_last=end >= head, pulse=pulse)

    def data_version(self) -> int:
        """Moves with the commits of other connections, and not with ours."""
        (version,) = self._sql.execute(sql.DATA_VERSION).fetchone()
        return version

    def compact(self, keep_after: int) -> None:
        """Declare the journal forgotten up to and including `keep_after`; see `sweep`."""
        head, compacted = self._head()
        if min(keep_after, head) > compacted:
            with self._writing(is_durable=False):
                self._sql.execute(sql.RAISE_COMPACTED, (keep_after,))

    def keep_revisions(self, count: int) -> None:
        """Declare all of the journal forgotten but its last `count` revisions."""
        head, _ = self._head()
        self.compact(head - count)

    def sweep(self) -> bool:
        """Remove a slice of what is declared forgotten; whether there may be more."""
        if self._sql.execute(sql.HAS_DUST).fetchone() is None:
            return False
        with self._writing(is_durable=False):
            return self._sql.execute(sql.SWEEP, (SWEEP_ROWS,)).rowcount == SWEEP_ROWS

    @contextmanager
    def _transaction(self, keys: Iterable[str]) -> Generator[int]:
        """One revision for all that is written in the block; yields it.

        If nothing changes, the revision is not used, and nothing is written or announced.
        """
        is_durable = any(key.startswith(DURABLE_PREFIXES) for key in keys)
        self._has_changed = False
        with self._writing(is_durable=is_durable):
            self._sql.execute(sql.TAKE_REVISION)
            revision, _ = self._head()
            yield revision
            if self._has_changed:
                self._sql.execute(sql.GIVE_BACK)
            else:
                self._sql.rollback()
        if self._has_changed:
            self._on_commit()

    @contextmanager
    def _writing(self, *, is_durable: bool) -> Generator[None]:
        """Nobody else writes from the beginning of the block to its commit."""
        self._be_durable(is_durable)
        try:
            with self._block(sql.BEGIN_WRITE):
                self.write_marks += 1
                yield
        finally:
            self.write_marks += self.write_marks % 2

    def _snapshot(self) -> AbstractContextManager[None]:
        """Several reads of one and the same state, whatever other processes do."""
        return self._block(sql.BEGIN_READ)

    @contextmanager
    def _block(self, begin: str) -> Generator[None]:
        self._sql.execute(begin)
        try:
            yield
            self._sql.commit()
        except BaseException:
            self._sql.rollback()
            raise

    def _check(self, operations: Iterable[Operation]) -> None:
        for operation in operations:
            if isinstance(operation, Expect):
                actual = self._revision_of(operation.key)
                if actual != operation.revision:
                    raise Conflict(operation.key, operation.revision, actual)

    def _apply(self, operation: Operation) -> None:
        match operation:
            case Put(key, value):
                self._sql.execute(sql.PUT, {"key": key, "value": value})
            case Delete(key):
                self._sql.execute(sql.DELETE, (key,))
            case Expect():
                pass  # checked before anything was written

    def _revision_of(self, key: str) -> int | None:
        row = self._sql.execute(sql.REVISION_OF, (key,)).fetchone()
        return None if row is None else row[0]

    def _head(self) -> tuple[int, int]:
        revision, compacted = self._sql.execute(sql.HEAD).fetchone()
        return revision, compacted

    def _pulse(self) -> Pulse:
        return self.data_version(), self._sql.total_changes

    def _be_durable(self, is_durable: bool) -> None:
        # SQLite takes this only between transactions.
        if is_durable is not self._is_durable:
            self._sql.execute(sql.SYNC_FULL if is_durable else sql.SYNC_NORMAL)
            self._is_durable = is_durable

    def _mark_changed(self) -> None:
        self._has_changed = True
