"""What only shows when another process commits between two statements of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from xinf.meta.connection import StoreConnection
from xinf.meta.opening import open_file
from xinf.meta.store import Put


def nobody() -> None:
    """Hears no commit."""


def open_connection(path: Path) -> sqlite3.Connection:
    return open_file(path, busy_timeout_s=1, wall=0).connection


def test_a_listing_is_of_one_moment(tmp_path: Path) -> None:
    """Or it would hold a change that a watch from its revision tells once more."""
    path = tmp_path / "xinf.db"
    with closing(open_connection(path)) as ours, closing(open_connection(path)) as theirs:
        here, there = StoreConnection(ours, nobody), StoreConnection(theirs, nobody)
        here.put(Put("k/a", "before"))
        between: list[int] = []

        def write_between(statement: str) -> None:
            if "order by key" in statement and not between:
                between.append(there.put(Put("k/a", "between")))

        ours.set_trace_callback(write_between)
        listing = here.list_prefix("k/")
        assert between == [2]
        assert listing.revision == 1
        assert [entry.value for entry in listing.entries] == ["before"]
        assert [entry.value for entry in here.list_prefix("k/").entries] == ["between"]
