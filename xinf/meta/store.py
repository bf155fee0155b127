"""The MetaStore: what every part of xinf may do to its shared state.

Keys are paths such as `models/coder`; values are JSON texts (see `meta.collection` for the typed
door). Every commit has one revision, a number that only grows. A watch that starts at the revision
of a listing misses nothing and repeats nothing.

Writing a value that stands already is no change: no revision is taken, nobody is woken. An observer
may therefore write what it sees as often as it likes. A caller that is cancelled while it waits for
a write has either written everything or nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as it stands. `revision` is that of its last change."""

    key: str
    value: str
    revision: int


@dataclass(frozen=True, slots=True)
class Listing:
    """All keys below a prefix, in key order, as of `revision`."""

    entries: tuple[Entry, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change of one key. `value` is what was written, None for a deletion."""

    revision: int
    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Put:
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Deleting what is not there is fine and changes nothing."""

    key: str


@dataclass(frozen=True, slots=True)
class Expect:
    """A condition: `key` was last changed at `revision`; None = it must not exist."""

    key: str
    revision: int | None


Operation: TypeAlias = Put | Delete | Expect


@dataclass(frozen=True, slots=True)
class LeaseState:
    """A lease as it stands. `holder` None: it was let go.

    `epoch` grows with every taking, `counter` with every renewal, taking and release.
    """

    holder: str | None
    epoch: int
    counter: int


class Conflict(Exception):
    """An Expect did not hold, and nothing was written. `actual` None: the key does not exist."""

    def __init__(self, key: str, expected: int | None, actual: int | None) -> None:
        super().__init__(f"{key}: expected revision {expected}, found {actual}")
        self.key = key
        self.expected = expected
        self.actual = actual


class Compacted(Exception):
    """A watch asked for changes that are no longer kept; list again and watch from there.

    `oldest` is the lowest revision whose changes are certain to be kept.
    """

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"revision {asked} is compacted; the oldest kept is {oldest}")
        self.asked = asked
        self.oldest = oldest


class StoreClosed(Exception):
    """The store was used after its owner closed it: an error in the order of closing."""


class MetaStore(Protocol):
    """Ordered, durable, watchable key-value state. Every method waits for the store's thread."""

    async def put(self, key: str, value: str) -> int:
        """Write; returns the revision at which `key` now stands (see Expect)."""
        ...

    async def get(self, key: str) -> Entry | None: ...

    async def delete(self, key: str) -> int:
        """Remove; returns the revision of the commit (the last one if nothing was there)."""
        ...

    async def list_prefix(self, prefix: str) -> Listing: ...

    async def compare_and_swap(self, key: str, expected: int | None, value: str) -> int:
        """Write only if `key` was last changed at `expected` (None: does not exist).

        Returns the revision at which `key` now stands. Raises Conflict.
        """
        ...

    async def transact(self, operations: Sequence[Operation]) -> int:
        """All of `operations` or none, as one revision, in their order; Expects are checked first.

        Returns the revision of the commit (the last one if nothing changed). Raises
        Conflict.
        """
        ...

    def watch(self, prefix: str, after: int) -> AsyncIterator[Change]:
        """Every change below `prefix` with a revision over `after`, in order, each once, for ever.

        Raises Compacted.
        """
        ...

    def watch_batches(self, prefix: str, after: int) -> AsyncIterator[tuple[Change, ...]]:
        """As `watch`, but all that is known at a time. A transaction is never split.

        Raises Compacted.
        """
        ...

    async def compact(self, keep_after: int) -> None:
        """Forget the journal up to and including revision `keep_after`."""
        ...


class LeaseTable(Protocol):
    """Leases as rows: atomic steps without any notion of time (see `meta.leases`). No revisions."""

    async def read_lease(self, name: str) -> LeaseState | None: ...

    async def take_lease(self, name: str, holder: str, seen: LeaseState | None) -> int | None:
        """Take it if it still stands as `seen`: the new epoch, or None if it has moved."""
        ...

    async def renew_lease(self, name: str, holder: str, epoch: int) -> bool:
        """Move the counter; False if the lease is no longer `holder`'s of that epoch."""
        ...

    async def release_lease(self, name: str, holder: str, epoch: int) -> None:
        """Let it go, if it is still held; whoever wants it need not wait."""
        ...
