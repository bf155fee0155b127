from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from xinf.clock import SystemClock
from xinf.core.events import Event, Severity
from xinf.meta.events import EVENTS_KEPT, EventQuery, EventRows, Recorded
from xinf.meta.sqlite import SqliteStore, open_store


def event(
    at: float = 1.0,
    kind: str = "engine.ready",
    subject: str = "a/0",
    model: str = "a",
    severity: Severity = Severity.INFO,
) -> Event:
    return Event(at, kind, subject, f"{subject} at {at:g}", model, severity)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "xinf.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(path, SystemClock(), inline=True) as opened:
        yield opened


def times(found: tuple[Recorded, ...]) -> list[float]:
    return [each.event.at for each in found]


async def test_what_was_appended_is_told_in_its_order_with_growing_numbers(
    store: SqliteStore,
) -> None:
    await store.append_events([event(2.0), event(1.0)])
    await store.append_events([event(3.0, severity=Severity.ERROR)])
    found = await store.list_events(EventQuery())
    assert times(found) == [2.0, 1.0, 3.0]
    assert [each.id for each in found] == sorted({each.id for each in found})
    assert found[-1].event == event(3.0, severity=Severity.ERROR)


async def test_events_are_found_by_number_time_model_subject_kind_and_severity(
    store: SqliteStore,
) -> None:
    await store.append_events(
        [
            event(1.0),
            event(2.0, "engine.failed", "b/1", "b", Severity.ERROR),
            event(3.0, "device.lost", "cuda:1", "", Severity.WARNING),
        ]
    )

    async def found(**conditions: object) -> list[float]:
        return times(await store.list_events(EventQuery(**conditions)))  # type: ignore[arg-type]

    first = (await store.list_events(EventQuery()))[0].id
    assert await found(after=first) == [2.0, 3.0]
    assert await found(since=2.0) == [2.0, 3.0]
    assert await found(about="b") == await found(about="b/1") == [2.0]
    assert await found(about="cuda:1") == [3.0]
    assert await found(kind="engine") == [1.0, 2.0]
    assert await found(kind="engine.ready") == [1.0]
    assert await found(kind="eng") == []
    assert await found(severity=Severity.WARNING) == [2.0, 3.0]
    assert await found(severity=Severity.ERROR, kind="device") == []


async def test_of_many_the_last_are_told(store: SqliteStore) -> None:
    await store.append_events([event(float(at)) for at in range(5)])
    assert times(await store.list_events(EventQuery(last=2))) == [3.0, 4.0]
    assert await store.list_events(EventQuery(last=0)) == ()


def test_the_table_never_grows_beyond_what_is_kept(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "create table event (id integer primary key, at, kind, subject, model, severity,"
            " message)"
        )
        rows = EventRows(connection)
        for at in range(10):
            rows.append([event(float(at))], keep=3)
        found = rows.list(EventQuery())
    assert times(found) == [7.0, 8.0, 9.0]
    assert [each.id for each in found] == [8, 9, 10]


async def test_ten_thousand_are_kept(store: SqliteStore) -> None:
    await store.append_events([event(float(at)) for at in range(EVENTS_KEPT + 5)])
    found = await store.list_events(EventQuery())
    assert (len(found), found[0].event.at) == (EVENTS_KEPT, 5.0)


async def test_two_stores_on_one_file_append_to_one_table(path: Path) -> None:
    async with open_store(path, SystemClock()) as one, open_store(path, SystemClock()) as two:
        await one.append_events([event(1.0)])
        await two.append_events([event(2.0)])
        assert times(await one.list_events(EventQuery())) == [1.0, 2.0]


async def test_events_make_no_revision_and_wake_no_watcher(store: SqliteStore) -> None:
    revision = await store.put("k", "v")
    await store.append_events([event()])
    assert (await store.list_prefix("")).revision == revision


async def test_the_view_of_events_can_be_browsed(path: Path, store: SqliteStore) -> None:
    await store.append_events([event(1_700_000_000.0)])
    with closing(sqlite3.connect(path)) as shell:
        (row,) = shell.execute("select at, severity, kind, subject, message from v_events")
    assert row == (
        "2023-11-14 22:13:20",
        "info",
        "engine.ready",
        "a/0",
        "a/0 at 1.7e+09",
    )
