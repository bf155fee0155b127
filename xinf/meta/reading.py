"""A store's file, read without being opened as a store: nothing is made, changed or set aside.

For commands while no xinf runs. A file that is not there, or that is older than what is asked for,
has nothing of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from xinf.meta import statements as sql
from xinf.meta.events import EventQuery, EventRows, Recorded
from xinf.meta.failures import explained
from xinf.meta.store import Entry


def read_events(store_file: Path, query: EventQuery) -> tuple[Recorded, ...]:
    """Blocks. Raises XinfError."""
    with _reading(store_file, "event") as connection:
        return () if connection is None else EventRows(connection).list(query)


def read_entries(store_file: Path, prefix: str) -> tuple[Entry, ...]:
    """All entries below `prefix`, in key order. Blocks. Raises XinfError."""
    with _reading(store_file, "entry") as connection:
        if connection is None:
            return ()
        rows = connection.execute(sql.LIST, {"prefix": prefix}).fetchall()
        return tuple(Entry(*row) for row in rows)


@contextmanager
def _reading(store_file: Path, table: str) -> Generator[sqlite3.Connection | None]:
    """A connection that only reads; None where there is no such table."""
    if not store_file.exists():
        yield None
        return
    uri = f"{store_file.absolute().as_uri()}?mode=ro"
    with (
        explained(store_file),
        closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection,
    ):
        is_there = connection.execute(sql.HAS_TABLE, (table,)).fetchone() is not None
        yield connection if is_there else None
