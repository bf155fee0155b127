from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.support.clock import VirtualClock, settle
from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.meta.collection import Collection
from xinf.meta.compaction import INTERVAL_S, REST_S, keep_short, shorten
from xinf.meta.connection import SWEEP_ROWS, StoreConnection
from xinf.meta.opening import open_file
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import Change, Compacted, Put

LONG_S = 30.0
LAST = "-1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "xinf.db"


def journal_rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("select count(*) from change").fetchone()[0]


def connect(path: Path) -> StoreConnection:
    return StoreConnection(
        open_file(path, busy_timeout_s=1, wall=0).connection, on_commit=lambda: None
    )


def many(keys: int, value: str) -> list[Put]:
    return [Put(f"k/{number}", value) for number in range(keys)]


@asynccontextmanager
async def keeping(store: SqliteStore, clock: VirtualClock, revisions: int) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        keeper = tasks.create_task(keep_short(store, clock, revisions=revisions))
        yield
        keeper.cancel()


async def test_the_newest_revisions_are_kept_again_and_again(path: Path) -> None:
    clock = VirtualClock()
    async with open_store(path, clock, inline=True) as store, keeping(store, clock, 3):
        for number in range(10):
            await store.put("k/a", str(number))
        await clock.advance(INTERVAL_S)
        assert journal_rows(path) == 3
        assert await anext(store.watch("", 7)) == Change(8, "k/a", "7")
        for number in range(10):
            await store.put("k/a", str(number))
        await clock.advance(INTERVAL_S)
        assert journal_rows(path) == 3


async def test_a_short_journal_is_left_alone_and_nobody_is_woken(path: Path) -> None:
    clock = VirtualClock()
    async with open_store(path, clock, inline=True) as store, keeping(store, clock, 3):
        await store.put("k/a", "1")
        here = connect(path)
        before = here.data_version()
        await clock.advance(3 * INTERVAL_S)
        assert here.data_version() == before
        here.close()


async def test_what_is_forgotten_goes_in_slices_with_rests_in_between(path: Path) -> None:
    clock = VirtualClock()
    async with open_store(path, clock, inline=True) as store:
        await store.transact(many(2 * SWEEP_ROWS + 1, "1"))
        await store.put("k/a", "1")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(shorten(store, clock, revisions=1))
            left: list[int] = []
            for _ in range(3):
                await settle()
                left.append(journal_rows(path))
                await clock.advance(REST_S)
    assert left == [SWEEP_ROWS + 2, 2, 1]


async def test_others_write_between_two_slices(path: Path) -> None:
    here, there = connect(path), connect(path)
    here.transact(many(2 * SWEEP_ROWS, "1"))
    here.compact(1)
    assert here.sweep()
    assert there.put(Put("k/b", "1")) == 2
    here.sweep()
    assert not here.sweep()
    assert journal_rows(path) == 1
    here.close()
    there.close()


async def test_who_is_too_far_behind_is_told_before_any_row_is_gone(path: Path) -> None:
    async with open_store(path, VirtualClock(), inline=True) as store:
        for number in range(5):
            await store.put("k/a", str(number))
        watch = store.watch("", 0)
        await store.keep_revisions(2)
        assert journal_rows(path) == 5
        with pytest.raises(Compacted) as compacted:
            await anext(watch)
        assert compacted.value.oldest == 4


async def test_a_slice_that_was_left_over_is_taken_up_by_the_next_keeper(path: Path) -> None:
    async with open_store(path, VirtualClock(), inline=True) as store:
        await store.transact(many(10, "1"))
        await store.put("k/a", "1")
        await store.keep_revisions(1)  # and killed
    async with open_store(path, VirtualClock(), inline=True) as store:
        await shorten(store, VirtualClock(), revisions=1)
        assert journal_rows(path) == 1


async def test_trouble_is_logged_and_the_journal_is_shortened_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class FullDisk:
        is_full, kept = True, list[int]()

        async def keep_revisions(self, count: int) -> None:
            if self.is_full:
                raise XinfError(
                    ErrorCode.DISK_FULL, thing="store", cause="full", next_step="Free some space"
                )
            self.kept.append(count)

        async def sweep(self) -> bool:
            return False

    clock, disk = VirtualClock(), FullDisk()
    async with asyncio.TaskGroup() as tasks:
        keeper = tasks.create_task(keep_short(disk, clock, revisions=7))
        await settle()
        disk.is_full = False
        await clock.advance(INTERVAL_S)
        keeper.cancel()
    assert disk.kept == [7]
    assert "Free some space" in caplog.text


class SlowWatcher:
    """Does something else after each batch; lists again whenever it is told to."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.compactions = 0
        self.state: dict[str, str] = {}

    async def follow_until(self, last: str) -> None:
        while True:
            listing = await self.store.list_prefix("k/")
            self.state = {entry.key: entry.value for entry in listing.entries}
            try:
                if await self.watch(listing.revision, last):
                    return
            except Compacted:
                self.compactions += 1

    async def watch(self, revision: int, last: str) -> bool:
        """Whether `last` came. Every change is of the next revision: none is missing."""
        if self.state.get("k/end") == last:
            return True
        async for batch in self.store.watch_batches("k/", revision):
            for change in batch:
                assert change.revision == revision + 1
                assert change.value is not None
                revision, self.state[change.key] = change.revision, change.value
                if change.value == last:
                    return True
            for _ in range(20):
                await self.store.get("k/none")
        raise AssertionError("a watch never ends by itself")


async def test_in_a_hammered_store_those_who_fall_behind_list_again_and_miss_nothing(
    path: Path,
) -> None:
    """Real threads, a journal of hardly anything, and writers that outrun every reader."""

    async def write(number: int) -> None:
        for turn in range(150):
            await store.put(f"k/{number}", str(turn))

    async def cut() -> None:
        while True:
            await shorten(store, SystemClock(), revisions=5)

    async with (
        asyncio.timeout(LONG_S),
        open_store(path, SystemClock()) as store,
        asyncio.TaskGroup() as tasks,
    ):
        mirror = Collection(store, "k/", int).mirror()
        mirroring = tasks.create_task(mirror.run())
        cutting = tasks.create_task(cut())
        watcher = SlowWatcher(store)
        watching = tasks.create_task(watcher.follow_until(LAST))
        async with asyncio.TaskGroup() as writers:
            for number in range(8):
                writers.create_task(write(number))
        await store.put("k/end", LAST)
        await watching
        cutting.cancel()
        final = {entry.key: entry.value for entry in (await store.list_prefix("k/")).entries}
        assert watcher.compactions > 0
        assert watcher.state == final
        while "end" not in mirror.items:
            await asyncio.sleep(0)
        mirroring.cancel()
        assert {f"k/{name}": str(value) for name, value in mirror.items.items()} == final
        await shorten(store, SystemClock(), revisions=5)
        assert journal_rows(path) == 5
