"""Writers are killed at any moment, again and again; what they leave is whole.

See tests/support/doomed.py for what they write.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.support.doomed import TOTAL, block, number_in, opening_balance
from tests.support.tree import ROOT
from xinf.clock import SystemClock
from xinf.meta.compaction import shorten
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import Listing, Put

NAMES = ("one", "two")

# More than is written from a look to the cut that follows it. Without a bound, the file would soon
# be so large that every open, which checks it, takes seconds.
REVISIONS_KEPT = 500

# A writer begins within about 20 ms, and then writes every millisecond or so.
LIFE_S_MAX = 0.12


class Killer:
    """Tells the program what to do."""

    def __init__(self, process: Process, seed: int) -> None:
        self.process, self.random = process, random.Random(seed)
        self.living: set[str] = set()

    async def start(self, name: str) -> None:
        await self._say(f"start {name} {self.random.randrange(10**6)}", "started")
        self.living.add(name)

    async def kill(self, name: str) -> None:
        await self._say(f"kill {name}", "gone")
        self.living.remove(name)

    async def let_live(self) -> None:
        """For a while that nobody chose: any moment of a write may be the last."""
        await asyncio.sleep(self.random.uniform(0, LIFE_S_MAX))

    async def _say(self, command: str, answer: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\n".encode())
        assert (await self.process.stdout.readline()).decode().strip() == answer


@asynccontextmanager
async def killer(path: Path, folder: Path, seed: int) -> AsyncIterator[Killer]:
    program = (sys.executable, "-m", "tests.support.doomed", str(path), str(folder))
    process = await asyncio.create_subprocess_exec(*program, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    try:
        yield Killer(process, seed)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


class Acknowledged:
    """What the writers were told had been committed: the last number by room and name, and all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers: dict[tuple[str, str], int] = defaultdict(int)
        self.revision = 0
        self._ends: dict[Path, int] = defaultdict(int)

    def read(self) -> None:
        """What is new."""
        for file in self.folder.iterdir():
            with file.open("rb") as lines:
                lines.seek(self._ends[file])
                new = lines.read()
            self._ends[file] += len(new)
            for line in new.decode().splitlines():
                room, number, revision = line.split()
                self.numbers[room, file.name] = int(number)
                self.revision = max(self.revision, int(revision))


def check(listing: Listing, told: Acknowledged) -> None:
    """Whole transactions, and all that anybody was told of."""
    values = {entry.key: entry.value for entry in listing.entries}
    assert sum(int(value) for key, value in values.items() if key.startswith("bank/")) == TOTAL
    assert listing.revision >= told.revision
    for room in ("models", "engines"):
        for name in NAMES:
            mine = f"{room}/{name}/"
            standing = {key: text for key, text in values.items() if key.startswith(mine)}
            number = max((number_in(text) for text in standing.values()), default=0)
            assert number >= told.numbers[room, name]
            due = block(room, name, number) if number else []
            assert standing == {each.key: each.value for each in due if isinstance(each, Put)}


async def check_journal(store: SqliteStore, before: Listing) -> Listing:
    """It leads from what stood before to what stands now, without a gap; returns the latter."""
    now = await store.list_prefix("")
    state = {entry.key: entry.value for entry in before.entries}
    revision = before.revision
    watch = store.watch_batches("", revision)
    while revision < now.revision:
        # Who writes meanwhile may be in the same batch.
        for change in await anext(watch):
            assert change.revision in (revision, revision + 1)
            if change.revision > now.revision:
                break
            revision = change.revision
            if change.value is None:
                del state[change.key]
            else:
                state[change.key] = change.value
    assert state == {entry.key: entry.value for entry in now.entries}
    return now


def check_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert connection.execute("select is_open from head").fetchall() == [(0,)]


async def kill_again_and_again(folder: Path, *, rounds: int, seed: int) -> int:
    """The number of kills."""
    path, acknowledged = folder / "state" / "xinf.db", folder / "acknowledged"
    acknowledged.mkdir()
    told, kills = Acknowledged(acknowledged), 0
    listing = Listing((), 0)
    async with open_store(path, SystemClock()) as store:
        await store.transact(opening_balance())
    async with killer(path, acknowledged, seed) as doom:
        for _ in range(rounds):
            for name in sorted(set(NAMES) - doom.living):
                await doom.start(name)
            await doom.let_live()
            # Both: then nobody has the file open, and the next to come must recover it.
            for name in doom.random.choice([NAMES, NAMES[:1], NAMES[1:]]):
                await doom.kill(name)
                kills += 1
            told.read()
            async with open_store(path, SystemClock()) as store:
                assert store.notice is None
                listing = await check_journal(store, listing)
                check(listing, told)
                await shorten(store, SystemClock(), revisions=REVISIONS_KEPT)
        for name in sorted(doom.living):
            await doom.kill(name)
    check_file(path)
    assert told.revision > rounds
    return kills


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [60, pytest.param(1500, marks=pytest.mark.long)])
async def test_writers_killed_at_any_moment_leave_whole_transactions_and_all_they_were_told_of(
    tmp_path: Path, rounds: int
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    async with asyncio.timeout(max(60, rounds / 2)):
        assert await kill_again_and_again(tmp_path, rounds=rounds, seed=seed) >= rounds
