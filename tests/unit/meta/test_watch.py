"""Watchers and writers truly at once: real threads, two connections to one file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.clock import VirtualClock, settle
from tests.support.hammer import ENDS, PREFIXES, Watcher, Writer, check, replay
from tests.support.hurry import HurriedClock
from xinf.clock import SystemClock
from xinf.meta.sqlite import NET_S, SqliteStore, open_store
from xinf.meta.store import Change, Conflict, Put, StoreClosed

LONG_S = 20.0


@asynccontextmanager
async def two_stores() -> AsyncIterator[tuple[SqliteStore, SqliteStore]]:
    """Two connections, each with its own thread, as two processes would have them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "xinf.db"
        async with open_store(path, HurriedClock()) as one, open_store(path, HurriedClock()) as two:
            yield one, two


async def run_together(seed: int, writers: int, transactions: int, delays: list[int]) -> None:
    async with two_stores() as stores, asyncio.timeout(LONG_S):
        writing = [Writer(stores[index % 2], f"w{index}", seed + index) for index in range(writers)]
        watching: list[Watcher] = []
        async with asyncio.TaskGroup() as watches:
            async with asyncio.TaskGroup() as writes:
                for writer in writing:
                    writes.create_task(writer.write(transactions))
                for index, delay in enumerate(delays):
                    for _ in range(delay):
                        await stores[0].get("a/0")
                    watcher = Watcher(PREFIXES[index % len(PREFIXES)])
                    watching.append(watcher)
                    await watcher.list(stores[index % 2])
                    watches.create_task(watcher.watch(stores[index % 2]))
            last = await stores[0].transact(ENDS)
        committed = {revision: ops for each in writing for revision, ops in each.committed.items()}
        committed[last] = ENDS
        assert sorted(committed) == list(range(1, last + 1))
        changes, state = replay(committed)
        for watcher in watching:
            check(watcher, changes)
        final = await stores[1].list_prefix("")
        assert {entry.key: entry.revision for entry in final.entries} == {
            key: change.revision for key, change in state.items()
        }


# No shrinking: real threads do not fail the same way twice, and a lost change costs its deadline.
@settings(max_examples=25, deadline=None, database=None, phases=[Phase.generate])
@given(
    seed=st.integers(0, 2**32),
    writers=st.integers(1, 4),
    transactions=st.integers(1, 20),
    delays=st.lists(st.integers(0, 10), min_size=1, max_size=8),
)
def test_whatever_the_writers_do_each_watcher_sees_each_change_once_and_in_order(
    seed: int, writers: int, transactions: int, delays: list[int]
) -> None:
    asyncio.run(run_together(seed, writers, transactions, delays))


async def test_concurrent_increments_lose_nothing() -> None:
    """CAS is linearizable: the successes form one chain, each on top of the one before."""
    won: dict[int, tuple[int | None, int]] = {}

    async def increment(store: SqliteStore, times: int) -> None:
        while times:
            entry = await store.get("k/counter")
            before = entry.revision if entry else None
            value = int(entry.value) + 1 if entry else 1
            try:
                after = await store.compare_and_swap("k/counter", before, str(value))
            except Conflict:
                continue
            assert after not in won
            won[after] = (before, value)
            times -= 1

    async with two_stores() as stores, asyncio.timeout(LONG_S):
        async with asyncio.TaskGroup() as tasks:
            for index in range(8):
                tasks.create_task(increment(stores[index % 2], 25))
        final = await stores[0].get("k/counter")
    assert final is not None
    assert final.value == "200"
    chain = [None, *sorted(won)]
    assert [won[revision] for revision in sorted(won)] == [
        (before, value) for value, before in enumerate(chain[:-1], start=1)
    ]


async def test_a_commit_of_this_process_is_told_at_once(tmp_path: Path) -> None:
    async with open_store(tmp_path / "xinf.db", VirtualClock(), inline=True) as store:
        watch = store.watch("k/", 0)
        async with asyncio.TaskGroup() as tasks:
            change = tasks.create_task(anext(watch))
            await settle()
            assert not change.done()
            await store.put("k/a", "1")
            await settle()
            assert change.done()  # and no time has passed
    assert change.result() == Change(1, "k/a", "1")


async def test_a_commit_of_another_process_is_told_when_the_net_is_drawn_in(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "xinf.db", VirtualClock()
    async with (
        open_store(path, clock, inline=True) as here,
        open_store(path, clock, inline=True) as there,
        asyncio.TaskGroup() as tasks,
    ):
        change = tasks.create_task(anext(here.watch("k/", 0)))
        await settle()
        await there.put("k/a", "1")
        await clock.advance(NET_S * 0.9)
        assert not change.done()
        await clock.advance(NET_S * 0.2)
        assert change.result() == Change(1, "k/a", "1")


async def test_what_a_person_does_with_the_sqlite_shell_is_journalled_too(tmp_path: Path) -> None:
    path = tmp_path / "xinf.db"
    async with open_store(path, HurriedClock()) as store:
        await store.put("k/a", "1")
        with closing(sqlite3.connect(path, isolation_level=None)) as shell:
            shell.execute("insert into entry (key, value) values ('k/b', '1')")
            shell.execute("update entry set value = '2' where key = 'k/a'")
            shell.execute("update entry set key = 'k/c' where key = 'k/b'")
            shell.execute("delete from entry where key = 'k/a'")
        changes: list[Change] = []
        async with asyncio.timeout(LONG_S):
            async for change in store.watch("k/", 1):
                changes.append(change)
                if len(changes) == 5:
                    break
        entry = await store.get("k/c")
    assert changes == [
        Change(2, "k/b", "1"),
        Change(3, "k/a", "2"),
        Change(4, "k/b", None),
        Change(4, "k/c", "1"),
        Change(5, "k/a", None),
    ]
    assert entry is not None
    assert entry.revision == 4


async def test_a_watcher_far_behind_catches_up_page_by_page(tmp_path: Path) -> None:
    async with open_store(tmp_path / "xinf.db", SystemClock()) as store:
        for number in range(30):
            await store.transact([Put(f"other/{n}", str(number)) for n in range(50)])
            await store.put("k/a", str(number))
        watch = store.watch("k/", 0)
        seen = [(await anext(watch)).value for _ in range(30)]
    assert seen == [str(number) for number in range(30)]


async def test_a_watch_that_outlives_its_store_is_told(tmp_path: Path) -> None:
    async with open_store(tmp_path / "xinf.db", VirtualClock()) as store:
        ended = asyncio.ensure_future(anext(store.watch("k/", 0)))
        await store.get("k/a")  # by now the watch has looked and waits
    with pytest.raises(StoreClosed):
        await ended
    with pytest.raises(StoreClosed):
        await store.put("k/a", "1")
