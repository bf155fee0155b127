"""Another process writes to the store, and this one hears of it without any net."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.netless import NetlessClock
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import Change

LONG_S = 30.0

PUT = """
import asyncio, sys
from pathlib import Path
from xinf.clock import SystemClock
from xinf.meta.sqlite import open_store

async def main():
    async with open_store(Path(sys.argv[1]), SystemClock()) as store:
        await store.put(sys.argv[2], sys.argv[3])

asyncio.run(main())
"""

SHELL = """
import sqlite3, sys
sqlite3.connect(sys.argv[1], isolation_level=None).execute(sys.argv[2])
"""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with asyncio.timeout(LONG_S), open_store(tmp_path / "xinf.db", NetlessClock()) as opened:
        yield opened


async def run(program: str, *arguments: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *map(str, arguments)
    )
    assert await process.wait() == 0


@pytest.mark.parametrize("key", ["engines/a", "models/a"])  # without and with a sync
async def test_a_commit_of_another_process_is_told_by_the_kernel(
    store: SqliteStore, key: str
) -> None:
    watch = store.watch("", 0)
    for number in (1, 2):
        waiting = asyncio.ensure_future(anext(watch))
        await run(PUT, store.path, key, str(number))
        assert await waiting == Change(number, key, str(number))


async def test_a_wal_that_is_emptied_and_begun_again_is_still_heard(store: SqliteStore) -> None:
    watch = store.watch("", 0)
    for number in (1, 2):
        waiting = asyncio.ensure_future(anext(watch))
        await run(SHELL, store.path, "pragma wal_checkpoint(truncate)")
        assert store.path.with_name("xinf.db-wal").stat().st_size == 0
        await run(SHELL, store.path, f"insert into entry (key, value) values ('k/{number}', '')")
        assert await waiting == Change(number, f"k/{number}", "")
