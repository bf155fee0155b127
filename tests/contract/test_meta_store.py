"""What any MetaStore promises, held against the store in its thread and the store inline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from xinf.clock import SystemClock
from xinf.meta.sqlite import open_store
from xinf.meta.store import (
    Change,
    Compacted,
    Conflict,
    Delete,
    Entry,
    Expect,
    Listing,
    MetaStore,
    Put,
)


@pytest.fixture(params=["in its thread", "inline"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MetaStore]:
    inline = request.param == "inline"
    async with open_store(tmp_path / "xinf.db", SystemClock(), inline=inline) as opened:
        yield opened


async def seen(store: MetaStore, prefix: str, after: int, count: int) -> list[Change]:
    changes: list[Change] = []
    async with asyncio.timeout(20):
        async for change in store.watch(prefix, after):
            changes.append(change)
            if len(changes) == count:
                break
    return changes


async def test_what_was_put_is_there_until_it_is_deleted(store: MetaStore) -> None:
    first = await store.put("models/a", "1")
    assert await store.get("models/a") == Entry("models/a", "1", first)
    second = await store.delete("models/a")
    assert second > first
    assert await store.get("models/a") is None


async def test_every_commit_has_the_next_revision(store: MetaStore) -> None:
    assert [await store.put("k/a", "1"), await store.put("k/b", "1")] == [1, 2]
    assert await store.transact([Put("k/a", "2"), Put("k/c", "1"), Delete("k/b")]) == 3
    assert await store.delete("k/c") == 4


async def test_an_identical_put_changes_nothing_and_tells_where_the_key_stands(
    store: MetaStore,
) -> None:
    first = await store.put("engines/a", "1")
    other = await store.put("engines/b", "1")
    assert await store.put("engines/a", "1") == first
    assert await store.compare_and_swap("engines/a", first, "1") == first
    assert await store.transact([Put("engines/a", "1"), Delete("engines/none")]) == other
    assert (await store.list_prefix("")).revision == other


async def test_deleting_what_is_not_there_changes_nothing(store: MetaStore) -> None:
    revision = await store.put("k/a", "1")
    assert await store.delete("k/b") == revision
    assert (await store.list_prefix("")).revision == revision


async def test_a_listing_has_all_keys_of_the_prefix_in_order_and_no_other(
    store: MetaStore,
) -> None:
    for key in ("b/2", "b", "b/", "a/1", "b/\U0010ffff", "b/1", "b0", "B/1", "b/é"):
        last = await store.put(key, key)
    listing = await store.list_prefix("b/")
    assert [entry.key for entry in listing.entries] == ["b/", "b/1", "b/2", "b/é", "b/\U0010ffff"]
    assert listing.revision == last
    assert len((await store.list_prefix("")).entries) == 9
    assert await store.list_prefix("nothing/") == Listing((), last)


async def test_a_swap_needs_the_revision_of_the_last_change(store: MetaStore) -> None:
    first = await store.compare_and_swap("k/a", None, "1")
    await store.put("k/b", "1")
    second = await store.compare_and_swap("k/a", first, "2")
    with pytest.raises(Conflict) as conflict:
        await store.compare_and_swap("k/a", first, "3")
    assert (conflict.value.expected, conflict.value.actual) == (first, second)
    with pytest.raises(Conflict) as conflict:
        await store.compare_and_swap("k/none", first, "3")
    assert conflict.value.actual is None
    with pytest.raises(Conflict):
        await store.compare_and_swap("k/a", None, "3")
    assert await store.get("k/a") == Entry("k/a", "2", second)


async def test_a_transaction_is_checked_before_it_writes_and_is_all_or_nothing(
    store: MetaStore,
) -> None:
    first = await store.put("k/a", "1")
    with pytest.raises(Conflict):
        await store.transact([Put("k/b", "1"), Delete("k/a"), Expect("k/c", 7)])
    assert await store.list_prefix("") == Listing((Entry("k/a", "1", first),), first)

    # An Expect speaks of the state before, wherever it stands.
    second = await store.transact([Put("k/a", "2"), Expect("k/a", first), Expect("k/b", None)])
    assert await store.get("k/a") == Entry("k/a", "2", second)


async def test_operations_of_one_transaction_apply_in_their_order(store: MetaStore) -> None:
    revision = await store.transact([Put("k/a", "1"), Delete("k/a"), Put("k/a", "2")])
    assert await store.get("k/a") == Entry("k/a", "2", revision)
    assert await seen(store, "k/", 0, 3) == [
        Change(revision, "k/a", "1"),
        Change(revision, "k/a", None),
        Change(revision, "k/a", "2"),
    ]


async def test_a_watch_tells_the_past_after_its_revision_and_then_what_happens(
    store: MetaStore,
) -> None:
    await store.put("k/a", "1")
    listing = await store.list_prefix("k/")
    await store.put("k/a", "2")
    await store.put("other/a", "2")
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(seen(store, "k/", listing.revision, 3))
        await store.put("k/b", "1")
        await store.delete("k/a")
    assert watching.result() == [
        Change(2, "k/a", "2"),
        Change(4, "k/b", "1"),
        Change(5, "k/a", None),
    ]


async def test_a_batch_never_splits_a_transaction_however_long(store: MetaStore) -> None:
    await store.transact([Put(f"k/{number}", "1") for number in range(200)])
    await store.transact([Put(f"k/{number}", "2") for number in range(200)])
    await store.transact([Put(f"k/{number}", "3") for number in range(2000)])
    sizes: dict[int, int] = {}
    async for batch in store.watch_batches("k/", 0):
        for revision in {change.revision for change in batch}:
            assert revision not in sizes
            sizes[revision] = sum(change.revision == revision for change in batch)
        if 3 in sizes:
            break
    assert sizes == {1: 200, 2: 200, 3: 2000}


async def test_a_watch_from_before_the_compaction_is_told_so(store: MetaStore) -> None:
    for number in range(5):
        await store.put("k/a", str(number))
    await store.compact(3)
    with pytest.raises(Compacted) as compacted:
        await seen(store, "k/", 2, 1)
    assert (compacted.value.asked, compacted.value.oldest) == (2, 4)
    assert await seen(store, "k/", 3, 2) == [Change(4, "k/a", "3"), Change(5, "k/a", "4")]


async def test_compaction_never_goes_back_nor_beyond_the_present(store: MetaStore) -> None:
    for number in range(3):
        await store.put("k/a", str(number))
    await store.compact(2)
    await store.compact(1)
    with pytest.raises(Compacted):
        await seen(store, "k/", 1, 1)
    await store.compact(99)
    assert await store.put("k/a", "new") == 4
    assert await seen(store, "k/", 3, 1) == [Change(4, "k/a", "new")]


async def test_a_watch_that_is_overtaken_by_a_compaction_is_told_so(store: MetaStore) -> None:
    await store.put("k/a", "1")
    watch = store.watch("k/", 0)
    assert await anext(watch) == Change(1, "k/a", "1")
    await store.put("k/a", "2")
    await store.put("k/a", "3")
    await store.compact(2)
    with pytest.raises(Compacted):
        await anext(watch)
