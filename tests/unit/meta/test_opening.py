"""The store's file: private, whole, of a schema we know; a damaged one is kept, never deleted."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlite_utils import Database

from tests.support.clock import VirtualClock
from tests.support.hurry import HurriedClock
from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.meta.opening import alone
from xinf.meta.sqlite import open_store
from xinf.meta.store import Change, Put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "xinf.db"


@contextmanager
def shell(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as someone else opens it, e.g. a person with the sqlite3 shell."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


async def fill(path: Path, keys: int = 1) -> None:
    async with open_store(path, SystemClock(), inline=True) as store:
        await store.transact([Put(f"models/{number}", "x" * 100) for number in range(keys)])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_the_file_and_its_side_files_are_for_their_owner_only(path: Path) -> None:
    async with open_store(path, SystemClock()) as store:
        await store.put("keys/a", "secret")
        modes = {each.name: mode(each) for each in path.parent.iterdir()}
    assert modes == {"xinf.db": 0o600, "xinf.db-wal": 0o600, "xinf.db-shm": 0o600}
    assert mode(path.parent) == 0o700


async def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    await fill(path)
    path.chmod(0o644)
    await fill(path)
    assert mode(path) == 0o600


async def test_what_was_written_is_there_after_opening_again(path: Path) -> None:
    async with open_store(path, SystemClock()) as store:
        revision = await store.put("models/a", "1")
    async with open_store(path, SystemClock()) as store:
        assert store.notice is None
        assert (await store.list_prefix("models/")).revision == revision
        assert await anext(store.watch("", 0)) == Change(revision, "models/a", "1")


async def test_the_file_of_a_newer_xinf_is_refused_and_left_alone(path: Path) -> None:
    await fill(path)
    with shell(path) as connection:
        connection.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at)"
            " values ('xinf', '0099_future', 'tomorrow')"
        )
    before = path.read_bytes()
    with pytest.raises(XinfError) as refused:
        async with open_store(path, SystemClock()):
            pass
    assert refused.value.code is ErrorCode.STORE_NEWER
    assert "0099_future" in str(refused.value)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["xinf.db"]


def scribble(path: Path) -> None:
    path.write_bytes(b"this is no database" * 400)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def break_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)


@pytest.mark.parametrize("damage", [scribble, cut, break_a_page])
@pytest.mark.parametrize("inline", [True, False])
async def test_a_damaged_file_is_set_aside_and_a_new_one_is_made(
    path: Path, damage: object, inline: bool
) -> None:
    assert callable(damage)
    await fill(path, keys=500)
    damage(path)
    damaged = path.read_bytes()
    async with open_store(path, VirtualClock(wall=1_700_000_000.0), inline=inline) as store:
        assert store.notice is not None
        assert store.notice.code is ErrorCode.STORE_CORRUPT
        assert "xinf.db.damaged-20231114T221320Z" in str(store.notice)
        assert (await store.list_prefix("")).entries == ()
        assert await store.put("models/a", "1") == 1
    kept = path.with_name("xinf.db.damaged-20231114T221320Z")
    assert kept.read_bytes() == damaged
    assert mode(path) == 0o600


async def test_two_damaged_files_of_one_second_are_both_kept(path: Path) -> None:
    for text in (b"first" * 999, b"second" * 999):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)
        async with open_store(path, VirtualClock(), inline=True):
            pass
    kept = sorted(path.parent.glob("*.damaged-*"))
    assert [each.read_bytes()[:5] for each in kept] == [b"first", b"secon"]


async def test_the_journal_goes_with_its_damaged_file(path: Path) -> None:
    """A WAL that is left behind would be replayed into the new file."""
    path.parent.mkdir()
    for suffix in ("", "-wal", "-shm"):
        path.with_name("xinf.db" + suffix).write_bytes(b"noise" * 999)
    async with open_store(path, VirtualClock(), inline=True) as store:
        assert (await store.list_prefix("")).revision == 0
    kept = {each.name for each in path.parent.glob("*.damaged-*")}
    stem = "xinf.db.damaged-20231114T221320Z"
    assert kept == {stem, f"{stem}-wal", f"{stem}-shm"}


async def test_triggers_that_a_table_lost_are_there_again_after_opening(path: Path) -> None:
    await fill(path)
    with shell(path) as connection:
        Database(connection).table("entry").transform(drop={"nothing"})
        triggers = connection.execute("select 1 from sqlite_master where type = 'trigger'")
        assert triggers.fetchall() == []  # the trap: transform drops them
    async with open_store(path, SystemClock()) as store:
        revision = await store.put("models/new", "1")
        assert await anext(store.watch("", revision - 1)) == Change(revision, "models/new", "1")


async def test_many_may_open_a_new_file_at_once(path: Path) -> None:
    async def one(number: int) -> None:
        async with open_store(path, SystemClock()) as store:
            assert store.notice is None
            await store.put(f"k/{number}", "1")

    async with asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(one(number))
    async with open_store(path, SystemClock()) as store:
        listing = await store.list_prefix("k/")
    assert len(listing.entries) == listing.revision == 8


async def test_whoever_opens_waits_for_another_that_is_opening_but_not_for_ever(
    path: Path,
) -> None:
    async with alone(path.parent, clock=SystemClock(), within_s=1):
        with pytest.raises(XinfError) as refused:
            async with open_store(path, HurriedClock()):
                pass
    assert refused.value.code is ErrorCode.STORE_UNAVAILABLE


async def test_a_file_that_someone_keeps_locked_is_reported_as_such(path: Path) -> None:
    await fill(path)
    async with open_store(path, SystemClock(), busy_timeout_s=0.01) as store:
        with shell(path) as connection:
            connection.execute("begin immediate")
            with pytest.raises(XinfError) as refused:
                await store.put("k/a", "1")
            connection.execute("rollback")
        assert refused.value.code is ErrorCode.STORE_UNAVAILABLE
        assert "another process keeps it locked" in str(refused.value)
        assert await store.put("k/a", "1") == 2


async def test_a_place_that_cannot_hold_a_file_is_reported_as_such(path: Path) -> None:
    path.parent.write_text("a file where the directory should be")
    with pytest.raises(XinfError) as refused:
        async with open_store(path, SystemClock()):
            pass
    assert refused.value.code is ErrorCode.STORE_UNAVAILABLE
    assert str(path) in str(refused.value)
