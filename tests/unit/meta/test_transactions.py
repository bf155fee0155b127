"""What fails is not there and was never announced, wherever it fails."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.clock import VirtualClock, settle
from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import Change, Conflict, Expect, Put

# A text that Python can hold but no file can: SQLite refuses it in the middle of a transaction.
LONE_SURROGATE = "\ud800"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(tmp_path / "xinf.db", VirtualClock(), inline=True) as opened:
        yield opened


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """As on a full disk: writing a file beyond `size` bytes fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def assert_nothing_of_it_was_told(store: SqliteStore, watching: asyncio.Task[Change]) -> None:
    """The watch sees the next good write first, and at the next revision."""
    await settle()
    assert not watching.done()
    revision = (await store.list_prefix("")).revision
    assert await store.put("k/good", "1") == revision + 1
    assert await watching == Change(revision + 1, "k/good", "1")


@pytest.fixture
async def watching(store: SqliteStore) -> AsyncIterator[asyncio.Task[Change]]:
    await store.put("k/a", "before")
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(anext(store.watch("", 1)))
        await settle()
        yield task


async def test_a_conflict_is_not_told(store: SqliteStore, watching: asyncio.Task[Change]) -> None:
    with pytest.raises(Conflict):
        await store.transact([Put("k/a", "2"), Put("k/b", "1"), Expect("k/a", 99)])
    await assert_nothing_of_it_was_told(store, watching)


async def test_a_transaction_that_breaks_in_the_middle_is_not_told(
    store: SqliteStore, watching: asyncio.Task[Change]
) -> None:
    with pytest.raises(UnicodeEncodeError):
        await store.transact([Put("k/a", "2"), Put("k/b", LONE_SURROGATE), Put("k/c", "1")])
    assert [entry.value for entry in (await store.list_prefix("")).entries] == ["before"]
    await assert_nothing_of_it_was_told(store, watching)


@pytest.mark.parametrize("how", ["abort", "fail", "rollback"])
async def test_a_transaction_that_the_file_itself_refuses_is_not_told(
    store: SqliteStore, watching: asyncio.Task[Change], how: str
) -> None:
    with closing(sqlite3.connect(store.path)) as shell:
        shell.execute(
            "create trigger refuse before insert on entry when new.key = 'k/poison'"
            f" begin select raise({how}, 'no poison'); end"
        )
    with pytest.raises(sqlite3.IntegrityError, match="no poison"):
        await store.transact([Put("k/a", "2"), Put("k/poison", "1")])
    assert [entry.value for entry in (await store.list_prefix("")).entries] == ["before"]
    await assert_nothing_of_it_was_told(store, watching)


async def test_a_commit_that_fails_for_want_of_space_is_not_told(
    store: SqliteStore, watching: asyncio.Task[Change]
) -> None:
    with files_no_larger_than(200_000), pytest.raises(XinfError) as failed:
        await store.transact([Put("k/a", "2"), Put("k/big", "x" * 2_000_000)])
    assert failed.value.code in {ErrorCode.DISK_FULL, ErrorCode.STORE_UNAVAILABLE}
    assert [entry.value for entry in (await store.list_prefix("")).entries] == ["before"]
    await assert_nothing_of_it_was_told(store, watching)


async def test_a_write_whose_caller_is_cancelled_is_told_if_it_happened(tmp_path: Path) -> None:
    """And at once: the ring comes from the thread, not from the caller. Time stands still here."""
    async with open_store(tmp_path / "xinf.db", VirtualClock()) as store:
        for number in range(50):
            writes = [Put("k/a", str(number)), Put("k/b", str(number))]
            before = (await store.list_prefix("")).revision
            async with asyncio.TaskGroup() as tasks, asyncio.timeout(20):
                watching = tasks.create_task(anext(store.watch_batches("k/", before)))
                writing = tasks.create_task(store.transact(writes))
                for _ in range(number % 5):
                    await asyncio.sleep(0)
                writing.cancel()
                await asyncio.wait([writing])
                if (await store.list_prefix("k/")).revision == before:
                    watching.cancel()  # it was taken back before it began
                else:
                    assert len(await watching) == 2


async def test_an_open_that_is_cancelled_leaves_a_file_that_opens(tmp_path: Path) -> None:
    for turns in range(6):
        path = tmp_path / str(turns) / "xinf.db"

        async def hold(path: Path = path) -> None:
            async with open_store(path, SystemClock()):
                await asyncio.Event().wait()

        holding = asyncio.ensure_future(hold())
        for _ in range(turns):
            await asyncio.sleep(0)
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding
        async with open_store(path, SystemClock()) as store:
            assert store.notice is None
            assert await store.put("k/a", "1") == 1
