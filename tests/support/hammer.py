"""Writers and watchers that keep a record of what they did and saw, and what must be true of it.

Also a program, for tests that hammer one store from several processes:
`python -m tests.support.hammer STORE NAME SEED`. It says `ready`, begins when it is told to by a
line, says `written` when its writers are done, and what all of them did and saw, as JSON, once its
watchers have come to the end.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from xinf.clock import SystemClock
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import Change, Conflict, Delete, Expect, Operation, Put

PREFIXES = ("", "a/", "b/", "a/1")
# Each prefix gets its end in one transaction.
LAST = "last"
ENDS: tuple[Operation, ...] = (Put("a/1/end", LAST), Put("b/end", LAST))

WRITERS = 3
TRANSACTIONS = 250

Committed = dict[int, Sequence[Operation]]


class Writer:
    """Writes with one store what `seed` says, and keeps what was really committed."""

    def __init__(self, store: SqliteStore, name: str, seed: int) -> None:
        self.store, self.name, self.random = store, name, random.Random(seed)
        self.committed: Committed = {}

    async def write(self, transactions: int) -> None:
        for number in range(transactions):
            operations = [*self.some_writes(f"{self.name}.{number}")]
            is_doomed = self.random.random() < 0.3
            try:
                doom = [Expect("a/0", -1)] if is_doomed else []
                revision = await self.store.transact([*operations, *doom])
            except Conflict:
                assert is_doomed
            else:
                assert revision not in self.committed
                self.committed[revision] = operations

    def some_writes(self, value: str) -> list[Operation]:
        """At least one write of a value that never was before, so that something changes."""
        keys = [f"{room}/{number}" for room in "ab" for number in range(3)]
        chosen = self.random.sample(keys, self.random.randint(1, 3))
        writes: list[Operation] = [Put(key, value) for key in chosen[:2]]
        return [*writes, *(Delete(key) for key in chosen[2:])]


@dataclass
class Watcher:
    """Lists, then watches from there, in the middle of everything."""

    prefix: str
    revision: int = 0
    listed: list[Change] = field(default_factory=list[Change])
    seen: list[Change] = field(default_factory=list[Change])

    async def list(self, store: SqliteStore) -> None:
        listing = await store.list_prefix(self.prefix)
        self.revision = listing.revision
        self.listed = [Change(each.revision, each.key, each.value) for each in listing.entries]

    async def watch(self, store: SqliteStore) -> None:
        """Until the end of its prefix."""
        async for change in store.watch(self.prefix, self.revision):
            self.seen.append(change)
            if change.value == LAST:
                return


def replay(committed: Committed) -> tuple[list[Change], dict[str, Change]]:
    """Every change that the commits made, in order, and the state they led to."""
    changes: list[Change] = []
    state: dict[str, Change] = {}
    for revision, operations in sorted(committed.items()):
        for operation in operations:
            if isinstance(operation, Put):
                state[operation.key] = Change(revision, operation.key, operation.value)
                changes.append(state[operation.key])
            elif isinstance(operation, Delete) and state.pop(operation.key, None):
                changes.append(Change(revision, operation.key, None))
    return changes, state


def check(watcher: Watcher, changes: Iterable[Change]) -> None:
    """It listed what stood then, and saw every later change of its prefix once and in order."""
    below = [change for change in changes if change.key.startswith(watcher.prefix)]
    after = [change for change in below if change.revision > watcher.revision]
    if watcher.prefix == "":
        after = after[:-1]  # it sees two ends, and stops at the first
    assert watcher.seen == after
    state = {change.key: change for change in below if change.revision <= watcher.revision}
    standing = [change for change in state.values() if change.value is not None]
    assert watcher.listed == sorted(standing, key=lambda change: change.key.encode())


async def hammer(path: Path, name: str, seed: int) -> None:
    """The program."""
    chance = random.Random(seed)
    async with open_store(path, SystemClock()) as store:
        writers = [Writer(store, f"{name}{index}", seed + index) for index in range(WRITERS)]
        watchers = [Watcher(prefix) for prefix in PREFIXES]
        async with asyncio.TaskGroup() as watching:
            async with asyncio.TaskGroup() as writing:
                for writer in writers:
                    writing.create_task(writer.write(TRANSACTIONS))
                for watcher in watchers:
                    for _ in range(chance.randint(0, 100)):
                        await store.get("a/0")
                    await watcher.list(store)
                    watching.create_task(watcher.watch(store))
            print("written", flush=True)
        committed = {
            revision: [_as_json(each) for each in operations]
            for writer in writers
            for revision, operations in writer.committed.items()
        }
    print(json.dumps({"committed": committed, "watchers": [asdict(each) for each in watchers]}))


def read_report(line: bytes) -> tuple[Committed, list[Watcher]]:
    """What the program said in the end."""
    report: Mapping[str, Any] = json.loads(line)
    committed: Committed = {
        int(revision): [_from_json(each) for each in operations]
        for revision, operations in report["committed"].items()
    }
    watchers = [
        Watcher(
            each["prefix"],
            each["revision"],
            [Change(**change) for change in each["listed"]],
            [Change(**change) for change in each["seen"]],
        )
        for each in report["watchers"]
    ]
    return committed, watchers


def _as_json(operation: Operation) -> list[str]:
    assert not isinstance(operation, Expect)
    return [operation.key, operation.value] if isinstance(operation, Put) else [operation.key]


def _from_json(operation: list[str]) -> Operation:
    return Put(*operation) if len(operation) == 2 else Delete(*operation)


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(hammer(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
