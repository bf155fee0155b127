from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.clock import VirtualClock, settle
from xinf.meta.collection import Collection
from xinf.meta.mirror import Mirror
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import Put


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(tmp_path / "xinf.db", VirtualClock(), inline=True) as opened:
        yield opened


@pytest.fixture
def numbers(store: SqliteStore) -> Collection[int]:
    return Collection(store, "n/", int)


@asynccontextmanager
async def running(mirror: Mirror[int]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(mirror.run())
        try:
            yield
        finally:
            task.cancel()


def history(mirror: Mirror[int]) -> list[Mapping[str, int]]:
    """The states that a subscriber is shown, filled as they come."""
    seen: list[Mapping[str, int]] = []
    mirror.subscribe(lambda: seen.append(mirror.items))
    return seen


async def test_a_mirror_holds_what_is_there_once_it_is_synced(numbers: Collection[int]) -> None:
    await numbers.put("a/b", 1)
    revision = await numbers.put("c", 2)
    mirror = numbers.mirror()
    assert mirror.items == {}
    async with running(mirror):
        await mirror.synced()
        assert (mirror.items, mirror.revision) == ({"a/b": 1, "c": 2}, revision)


async def test_a_mirror_is_not_synced_before_it_runs(numbers: Collection[int]) -> None:
    mirror = numbers.mirror()
    waiting = asyncio.ensure_future(mirror.synced())
    await settle()
    assert not waiting.done()
    async with running(mirror):
        await waiting


async def test_a_mirror_follows_and_tells_after_each_transaction(
    store: SqliteStore, numbers: Collection[int]
) -> None:
    mirror = numbers.mirror()
    seen = history(mirror)
    async with running(mirror):
        await mirror.synced()
        await numbers.put("a", 1)
        await settle()
        await store.transact([Put("n/a", "2"), Put("n/b", "3"), Put("other/c", "4")])
        await settle()
        await store.put("other/c", "5")
        await numbers.delete("a")
        await settle()
    assert seen == [{}, {"a": 1}, {"a": 2, "b": 3}, {"b": 3}]
    assert mirror.revision == 4


async def test_what_a_reader_took_does_not_change_under_it(numbers: Collection[int]) -> None:
    mirror = numbers.mirror()
    async with running(mirror):
        await mirror.synced()
        taken = mirror.items
        await numbers.put("a", 1)
        await settle()
    assert (taken, mirror.items) == ({}, {"a": 1})


async def test_a_subscriber_that_left_is_told_nothing_more(numbers: Collection[int]) -> None:
    mirror, told = numbers.mirror(), list[str]()

    def tell() -> None:
        told.append("")

    leave, _stay = mirror.subscribe(tell), mirror.subscribe(tell)
    async with running(mirror):
        await mirror.synced()
        assert len(told) == 2
        leave()
        await numbers.put("a", 1)
        await settle()
        assert len(told) == 3


async def test_a_mirror_that_was_overtaken_by_a_compaction_lists_again(
    store: SqliteStore, numbers: Collection[int]
) -> None:
    await numbers.put("a", 1)
    mirror = numbers.mirror()
    seen = history(mirror)
    async with running(mirror):
        await mirror.synced()
        # No turn for the mirror in here: inline, nothing of this waits.
        await numbers.delete("a")
        await numbers.put("b", 2)
        await store.compact(3)
        await settle()
        assert mirror.items == {"b": 2}
        await numbers.put("c", 3)
        await settle()
    assert seen == [{"a": 1}, {"b": 2}, {"b": 2, "c": 3}]


async def test_a_record_that_cannot_be_read_is_left_out_and_named(
    store: SqliteStore, numbers: Collection[int]
) -> None:
    await store.put("n/a", "one")
    await numbers.put("b", 2)
    mirror = numbers.mirror()
    async with running(mirror):
        await mirror.synced()
        assert mirror.items == {"b": 2}
        assert list(mirror.unreadable) == ["a"]
        await numbers.put("a", 1)
        await store.put("n/b", "two")
        await settle()
        assert mirror.items == {"a": 1}
        assert list(mirror.unreadable) == ["b"]
        await numbers.delete("b")
        await settle()
        assert mirror.unreadable == {}
