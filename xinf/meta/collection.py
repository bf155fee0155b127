"""A typed part of the store: all records of one kind, below one prefix.

Records are checked and turned into JSON here and nowhere else. A name is a key without the prefix.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from xinf.core.errors import ErrorCode, XinfError
from xinf.meta.mirror import Mirror
from xinf.meta.store import Conflict, Delete, Entry, Expect, MetaStore, Put

T = TypeVar("T")

# Whoever loses a round of `update` lost it to someone who won, so as many rounds as there may be
# writers of one record at once are enough.
UPDATE_TRIES_MAX = 100


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[T]):
    """All records of a collection by name, as of `revision`."""

    items: dict[str, T]
    revision: int


class Collection(Generic[T]):
    """The records of type `type_` below `prefix`, which ends in a slash."""

    def __init__(self, store: MetaStore, prefix: str, type_: type[T]) -> None:
        assert prefix.endswith("/"), prefix
        self.prefix = prefix
        self._store = store
        self._adapter = TypeAdapter(type_)

    async def put(self, name: str, value: T) -> int:
        """Write; returns the revision at which the record now stands."""
        return await self._store.put(self.key(name), self._encode(value))

    async def get(self, name: str) -> T | None:
        found = await self.get_entry(name)
        return None if found is None else found[0]

    async def get_entry(self, name: str) -> tuple[T, int] | None:
        """The record and the revision of its last change."""
        entry = await self._store.get(self.key(name))
        return None if entry is None else (self._read(entry), entry.revision)

    async def delete(self, name: str) -> int:
        return await self._store.delete(self.key(name))

    async def list(self) -> dict[str, T]:
        return (await self.snapshot()).items

    async def snapshot(self) -> Snapshot[T]:
        """As `list`, with the revision from which a watch would go on."""
        listing = await self._store.list_prefix(self.prefix)
        return Snapshot(
            {self.name(e.key): self._read(e) for e in listing.entries}, listing.revision
        )

    async def readable(self) -> tuple[dict[str, T], frozenset[str]]:
        """All records by name, and the names of those that cannot be read.

        For records that can be made anew: one that another version wrote must stop nobody.
        """
        listing = await self._store.list_prefix(self.prefix)
        items: dict[str, T] = {}
        for entry in listing.entries:
            with suppress(ValueError):
                items[self.name(entry.key)] = self.decode(entry.value)
        names = {self.name(entry.key) for entry in listing.entries}
        return items, frozenset(names - items.keys())

    async def update(self, name: str, change: Callable[[T | None], T | None]) -> T | None:
        """Read, `change`, write, again from the start if somebody else wrote meanwhile.

        `change` gets None for what is not there and returns None to delete. It may be called
        several times, so it must only compute. Returns what was written.
        """
        for _ in range(UPDATE_TRIES_MAX):
            found = await self.get_entry(name)
            before, revision = found or (None, None)
            after = change(before)
            key = self.key(name)
            write = Delete(key) if after is None else self.put_operation(name, after)
            try:
                await self._store.transact((Expect(key, revision), write))
            except Conflict:
                continue
            return after
        raise XinfError(
            ErrorCode.STORE_UNAVAILABLE,
            thing=self.key(name),
            cause=f"was changed by others {UPDATE_TRIES_MAX} times while it was being updated",
            next_step="Try again",
        )

    def mirror(self) -> Mirror[T]:
        """A copy in memory that follows the store while its `run` runs."""
        return Mirror(self._store, self.prefix, self.decode)

    def key(self, name: str) -> str:
        assert name, "a record needs a name"
        return self.prefix + name

    def name(self, key: str) -> str:
        return key.removeprefix(self.prefix)

    def put_operation(self, name: str, value: T) -> Put:
        """A `put` as part of a transaction over several records."""
        return Put(self.key(name), self._encode(value))

    def decode(self, value: str) -> T:
        """The record in a stored text. Raises ValueError."""
        return self._adapter.validate_json(value)

    def _encode(self, value: T) -> str:
        # A value of another type would only warn, and then could not be read back.
        return self._adapter.dump_json(value, warnings="error").decode()

    def _read(self, entry: Entry) -> T:
        try:
            return self.decode(entry.value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise XinfError(
                ErrorCode.STORE_CORRUPT,
                thing=f"record {entry.key}",
                cause=f"cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}",
                next_step="Remove it from the store, e.g. with the sqlite3 shell, and restart xinf",
            ) from error
