"""Any sequence of operations does what a plain dict and a list of changes would do.

Watchers start anywhere in the past and are compared with the list again and again. The store runs
inline and time stands still: a watcher that was not rung for would never see anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    rule,
)

from tests.support.clock import VirtualClock
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import Change, Compacted, Conflict, Delete, Entry, Expect, Operation, Put

KEYS = st.sampled_from(["a/1", "a/2", "a/b/1", "b/1", "b"])
PREFIXES = st.sampled_from(["", "a/", "a/b/", "b", "c/"])
VALUES = st.sampled_from(["1", "2", "{}"])
# Enough turns of the loop for a rung watcher to read and record everything.
TURNS = 10


class Watcher:
    """What one watch has told so far, and whether it was told to list again."""

    def __init__(self, store: SqliteStore, prefix: str, after: int) -> None:
        self.store, self.prefix, self.after = store, prefix, after
        self.seen: list[Change] = []
        self.was_compacted = False

    async def run(self) -> None:
        try:
            async for change in self.store.watch(self.prefix, self.after):
                self.seen.append(change)
        except Compacted:
            self.was_compacted = True


class StoreBesideModel(RuleBasedStateMachine):
    revisions = Bundle("revisions")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = TemporaryDirectory()
        self.owned = AsyncExitStack()
        self.entries: dict[str, Entry] = {}
        self.changes: list[Change] = []
        self.revision = 0
        self.compacted = 0
        self.watchers: list[Watcher] = []
        self.tasks: list[asyncio.Task[None]] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        file = Path(self.folder.name) / "xinf.db"
        opening = self.owned.enter_async_context(open_store(file, VirtualClock(), inline=True))
        self.store: SqliteStore = self.run(opening)

    def apply(self, operations: list[Operation]) -> int:
        """The model of a transaction; raises Conflict."""
        for operation in operations:
            if isinstance(operation, Expect):
                entry = self.entries.get(operation.key)
                actual = entry.revision if entry else None
                if actual != operation.revision:
                    raise Conflict(operation.key, operation.revision, actual)
        before, revision = len(self.changes), self.revision + 1
        for operation in operations:
            match operation:
                case Put(key, value) if key not in self.entries or self.entries[key].value != value:
                    self.entries[key] = Entry(key, value, revision)
                    self.changes.append(Change(revision, key, value))
                case Delete(key) if key in self.entries:
                    del self.entries[key]
                    self.changes.append(Change(revision, key, None))
                case _:
                    pass
        if len(self.changes) > before:
            self.revision = revision
        return self.revision

    @rule(target=revisions, key=KEYS, value=VALUES)
    def put(self, key: str, value: str) -> int:
        self.apply([Put(key, value)])
        revision = self.run(self.store.put(key, value))
        assert revision == self.entries[key].revision
        return revision

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        assert self.run(self.store.delete(key)) == self.apply([Delete(key)])

    @rule(target=revisions, key=KEYS, value=VALUES, expected=st.none() | revisions)
    def swap(self, key: str, value: str, expected: int | None) -> int:
        operations: list[Operation] = [Expect(key, expected), Put(key, value)]
        return self.same_outcome(operations, self.store.compare_and_swap(key, expected, value))

    @rule(
        target=revisions,
        writes=st.lists(st.builds(Put, KEYS, VALUES) | st.builds(Delete, KEYS), max_size=5),
        conditions=st.lists(st.builds(Expect, KEYS, st.none() | revisions), max_size=2),
    )
    def transact(self, writes: list[Operation], conditions: list[Operation]) -> int:
        operations = [*writes, *conditions]
        return self.same_outcome(operations, self.store.transact(operations))

    def same_outcome(self, operations: list[Operation], real: Coroutine[Any, Any, int]) -> int:
        try:
            expected = self.apply(operations)
        except Conflict as foreseen:
            return self.same_conflict(str(foreseen), real)
        revision = self.run(real)
        assert revision <= expected
        return revision

    def same_conflict(self, foreseen: str, real: Coroutine[Any, Any, int]) -> int:
        with pytest.raises(Conflict) as conflict:
            self.run(real)
        assert str(conflict.value) == foreseen
        return self.revision

    @rule(target=revisions)
    def list_all(self) -> int:
        listing = self.run(self.store.list_prefix(""))
        assert listing.entries == tuple(self.entries[key] for key in sorted(self.entries))
        assert listing.revision == self.revision
        return listing.revision

    @rule(prefix=PREFIXES, after=revisions)
    def watch(self, prefix: str, after: int) -> None:
        watcher = Watcher(self.store, prefix, after)

        async def start() -> None:
            self.tasks.append(asyncio.create_task(watcher.run()))

        self.run(start())
        self.watchers.append(watcher)
        if after < self.compacted:
            self.run(self.settle())
            assert watcher.was_compacted
            self.watchers.remove(watcher)

    @rule(keep_after=revisions)
    def compact(self, keep_after: int) -> None:
        self.run(self.settle())  # who keeps up is not disturbed
        self.run(self.store.compact(keep_after))
        self.compacted = max(self.compacted, keep_after)

    @rule()
    def every_watcher_has_seen_every_change_once_and_in_order(self) -> None:
        self.run(self.settle())
        for watcher in self.watchers:
            expected = [
                change
                for change in self.changes
                if change.revision > watcher.after and change.key.startswith(watcher.prefix)
            ]
            assert watcher.seen == expected
            assert not watcher.was_compacted

    async def settle(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.owned.aclose()

    def teardown(self) -> None:
        self.every_watcher_has_seen_every_change_once_and_in_order()
        self.run(self.end())
        self.runner.close()
        self.folder.cleanup()


StoreBesideModel.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, database=None
)
TestStoreBesideModel = StoreBesideModel.TestCase
