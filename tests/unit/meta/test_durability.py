"""What people asked for is synced to disk before a write returns; what was observed is not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from xinf.meta.connection import StoreConnection
from xinf.meta.opening import open_file
from xinf.meta.store import Operation, Put

FULL, NORMAL = 2, 1


class Traced:
    """A connection that keeps the `synchronous` setting that each transaction ran under."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.levels: list[int] = []
        self.announced = 0
        self.connection = connection
        self.store = StoreConnection(connection, self.note)

    def note(self) -> None:
        """After a commit, when the setting is still that of the transaction."""
        self.announced += 1
        self.levels.append(self.connection.execute("pragma synchronous").fetchone()[0])


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Traced]:
    opened = open_file(tmp_path / "xinf.db", busy_timeout_s=1, wall=0)
    with closing(opened.connection):
        yield Traced(opened.connection)


@pytest.mark.parametrize(
    ("keys", "level"),
    [
        (["models/a"], FULL),
        (["keys/a"], FULL),
        (["engines/n/a/0"], NORMAL),
        (["assignments/n/a/0", "plans/current"], NORMAL),
        (["engines/n/a/0", "models/a"], FULL),
        (["modelsque"], NORMAL),
    ],
)
def test_a_transaction_is_as_durable_as_its_dearest_key(
    traced: Traced, keys: list[str], level: int
) -> None:
    for other in ("models/x", "engines/x"):  # whatever came before
        traced.store.put(Put(other, "1"))
        writes: list[Operation] = [Put(key, other) for key in keys]
        traced.store.transact(writes)
        assert traced.levels[-1] == level


def test_only_what_changed_something_is_announced(traced: Traced) -> None:
    traced.store.put(Put("k/a", "1"))
    traced.store.put(Put("k/a", "1"))
    traced.store.transact([])
    traced.store.compact(1)
    assert traced.announced == 1
