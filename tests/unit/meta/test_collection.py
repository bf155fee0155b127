from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic_core import PydanticSerializationError

from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.meta import collection as collection_module
from xinf.meta.collection import Collection, Snapshot
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import Conflict, Delete, Expect


@dataclass(frozen=True)
class Pot:
    color: str
    litres: int = 1


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(tmp_path / "xinf.db", SystemClock()) as opened:
        yield opened


@pytest.fixture
def pots(store: SqliteStore) -> Collection[Pot]:
    return Collection(store, "pots/", Pot)


async def test_a_record_comes_back_as_it_was_put(pots: Collection[Pot]) -> None:
    revision = await pots.put("kitchen/big", Pot("red", 5))
    assert await pots.get("kitchen/big") == Pot("red", 5)
    assert await pots.get_entry("kitchen/big") == (Pot("red", 5), revision)
    await pots.delete("kitchen/big")
    assert await pots.get("kitchen/big") is None
    assert await pots.get_entry("kitchen/big") is None


async def test_a_collection_lists_its_own_records_by_name(
    store: SqliteStore, pots: Collection[Pot]
) -> None:
    await pots.put("b", Pot("blue"))
    await pots.put("a", Pot("red"))
    await store.put("potsherds/c", "{}")
    assert list(await pots.list()) == ["a", "b"]
    assert await pots.snapshot() == Snapshot({"a": Pot("red"), "b": Pot("blue")}, revision=3)


async def test_an_unchanged_record_is_not_written_again(
    store: SqliteStore, pots: Collection[Pot]
) -> None:
    assert await pots.put("a", Pot("red")) == await pots.put("a", Pot("red")) == 1
    assert await pots.update("a", lambda pot: pot) == Pot("red")
    assert (await store.list_prefix("")).revision == 1


async def test_an_update_makes_changes_and_deletes(pots: Collection[Pot]) -> None:
    def refill(pot: Pot | None) -> Pot | None:
        if pot is None:
            return Pot("new", 0)
        return Pot("old", 1) if pot.litres == 0 else None

    assert await pots.update("a", refill) == await pots.get("a") == Pot("new", 0)
    assert await pots.update("a", refill) == await pots.get("a") == Pot("old", 1)
    assert await pots.update("a", refill) is None
    assert await pots.list() == {}
    assert await pots.update("a", lambda pot: pot) is None


async def test_updates_at_once_lose_nothing(pots: Collection[Pot]) -> None:
    def pour(pot: Pot | None) -> Pot:
        return Pot("full", (pot.litres if pot else 0) + 1)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(40):
            tasks.create_task(pots.update("a", pour))
    assert await pots.get("a") == Pot("full", 40)


async def test_an_update_that_always_loses_gives_up(
    store: SqliteStore, pots: Collection[Pot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_module, "UPDATE_TRIES_MAX", 3)
    tries = 0

    async def lose(operations: object) -> int:
        nonlocal tries
        tries += 1
        raise Conflict("pots/a", None, tries)

    monkeypatch.setattr(store, "transact", lose)
    with pytest.raises(XinfError) as lost:
        await pots.update("a", lambda _: Pot("red"))
    assert lost.value.code is ErrorCode.STORE_UNAVAILABLE
    assert "pots/a" in str(lost.value)
    assert tries == 3


async def test_an_update_whose_change_fails_writes_nothing(pots: Collection[Pot]) -> None:
    await pots.put("a", Pot("red"))
    with pytest.raises(ZeroDivisionError):
        await pots.update("a", lambda pot: Pot(str(1 // 0)))
    assert await pots.get("a") == Pot("red")


async def test_several_records_are_written_in_one_transaction(
    store: SqliteStore, pots: Collection[Pot]
) -> None:
    first = await pots.put("a", Pot("red"))
    second = await store.transact(
        [Expect(pots.key("a"), first), Delete(pots.key("a")), pots.put_operation("b", Pot("blue"))]
    )
    assert await pots.snapshot() == Snapshot({"b": Pot("blue")}, second)


async def test_a_value_of_another_type_is_refused_before_it_is_written(
    pots: Collection[Pot],
) -> None:
    with pytest.raises(PydanticSerializationError):
        await pots.put("a", "no pot")  # type: ignore[arg-type]
    assert await pots.list() == {}


async def test_a_record_that_cannot_be_read_is_named_with_what_is_wrong(
    store: SqliteStore, pots: Collection[Pot]
) -> None:
    await store.put("pots/a", '{"color": "red", "litres": "many"}')
    for reading in (pots.get("a"), pots.list(), pots.update("a", lambda pot: pot)):
        with pytest.raises(XinfError) as unreadable:
            await reading
        assert unreadable.value.code is ErrorCode.STORE_CORRUPT
        assert "record pots/a" in str(unreadable.value)
        assert "litres" in str(unreadable.value)
    await pots.delete("a")
    assert await pots.list() == {}


async def test_those_that_can_be_read_are_told_apart_from_the_others(
    store: SqliteStore, pots: Collection[Pot]
) -> None:
    await store.put("pots/a", '{"color": "red", "litres": "many"}')
    await pots.put("b", Pot("blue", 2))
    assert await pots.readable() == ({"b": Pot("blue", 2)}, frozenset({"a"}))
