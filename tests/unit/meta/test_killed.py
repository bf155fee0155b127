"""A process that is killed while it writes leaves whole transactions and a file that opens."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from xinf.clock import SystemClock
from xinf.meta.sqlite import open_store

LONG_S = 30.0
PAIRS = 5

# Writes PAIRS keys per transaction, for ever; says so after each commit.
WRITER = f"""
import asyncio, sys
from pathlib import Path
from xinf.clock import SystemClock
from xinf.meta.sqlite import open_store
from xinf.meta.store import Put

async def main():
    async with open_store(Path(sys.argv[1]), SystemClock()) as store:
        number = 0
        while True:
            number += 1
            room = "models" if number % 2 else "engines"
            writes = [Put(f"{{room}}/{{key}}", str(number) * 500) for key in range({PAIRS})]
            await store.transact(writes)
            print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("commits", [1, 60])
async def test_a_killed_writer_leaves_whole_transactions_and_all_that_it_was_told_of(
    tmp_path: Path, commits: int
) -> None:
    path = tmp_path / "xinf.db"
    async with asyncio.timeout(LONG_S):
        told = await write_until_killed(path, commits)
        async with open_store(path, SystemClock()) as store:
            assert store.notice is None
            listing = await store.list_prefix("")
            values: dict[int, set[str]] = {}
            for entry in listing.entries:
                values.setdefault(entry.revision, set()).add(entry.value)
            assert listing.revision >= told
            assert values == {
                revision: {str(revision) * 500}
                for revision in (listing.revision - 1, listing.revision)
                if revision > 0
            }
            changes = 0
            async for batch in store.watch_batches("", 0):
                changes += len(batch)
                if batch[-1].revision == listing.revision:
                    break
            assert changes == PAIRS * listing.revision
            assert await store.put("models/0", "after") == listing.revision + 1


async def write_until_killed(path: Path, commits: int) -> int:
    """The number of the last commit that the writer told of before it died."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    try:
        for _ in range(commits):
            assert await writer.stdout.readline()
    finally:
        writer.kill()
    rest = await writer.stdout.read()
    await writer.wait()
    return commits + rest.count(b"\n")
