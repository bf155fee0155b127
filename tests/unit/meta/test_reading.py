"""A store's file while nobody serves it, and while somebody does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.events import Event, Severity
from xinf.meta.events import EventQuery, Recorded
from xinf.meta.reading import read_entries, read_events
from xinf.meta.sqlite import open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "xinf.db"


def event(at: float, model: str = "a") -> Event:
    return Event(at, "engine.ready", f"{model}/0", "serving", model)


def times(found: tuple[Recorded, ...]) -> list[float]:
    return [each.event.at for each in found]


async def test_a_file_that_nobody_has_open_tells_its_events(path: Path) -> None:
    async with open_store(path, SystemClock()) as store:
        await store.append_events([event(1.0), event(2.0, model="b")])
        assert times(read_events(path, EventQuery())) == [1.0, 2.0]
    before = path.read_bytes()
    assert times(read_events(path, EventQuery(about="b"))) == [2.0]
    assert path.read_bytes() == before


def test_no_file_and_an_old_file_have_no_events(path: Path) -> None:
    assert read_events(path, EventQuery()) == ()
    assert not path.exists()
    with closing(sqlite3.connect(path)) as old:
        old.execute("create table entry (key, value)")
    assert read_events(path, EventQuery()) == ()


def test_a_file_that_is_no_database_is_told(path: Path) -> None:
    path.write_bytes(b"this is no database" * 400)
    with pytest.raises(XinfError) as refused:
        read_events(path, EventQuery())
    assert refused.value.code is ErrorCode.STORE_CORRUPT


def test_a_severity_of_a_newer_xinf_counts_as_a_warning(path: Path) -> None:
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("create table event (id, at, kind, subject, model, severity, message)")
        newer.execute("insert into event values (1, 2.0, 'k.k', 's', '', 'dire', 'm')")
        newer.commit()
    (found,) = read_events(path, EventQuery())
    assert found.event.severity is Severity.WARNING


async def test_entries_are_read_as_they_stand(path: Path) -> None:
    async with open_store(path, SystemClock()) as store:
        await store.put("models/a", "1")
        await store.put("models/b", "2")
        await store.put("nodes/local", "3")
        await store.delete("models/b")
        assert [entry.value for entry in read_entries(path, "models/")] == ["1"]
    assert [entry.key for entry in read_entries(path, "")] == ["models/a", "nodes/local"]


def test_no_file_has_no_entries(path: Path) -> None:
    assert read_entries(path, "") == ()
    assert not path.exists()
