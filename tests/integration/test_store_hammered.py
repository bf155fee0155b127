"""Processes that write to one store at the same time, as fast as they can."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.hammer import ENDS, WRITERS, Watcher, check, read_report, replay
from tests.support.tree import ROOT
from xinf.clock import SystemClock
from xinf.meta.sqlite import open_store

LONG_S = 60.0
# A report is one line.
LINE_BYTES_MAX = 64 * 1024 * 1024


@asynccontextmanager
async def hammers(path: Path, names: Sequence[str]) -> AsyncIterator[list[Process]]:
    started: list[Process] = []
    try:
        for seed, name in enumerate(names):
            program = (sys.executable, "-m", "tests.support.hammer", str(path), name, str(seed))
            started.append(
                await asyncio.create_subprocess_exec(
                    *program, cwd=ROOT, stdin=PIPE, stdout=PIPE, limit=LINE_BYTES_MAX
                )
            )
        for process in started:
            assert await line(process) == b"ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
        yield started
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def line(process: Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()


async def test_every_watcher_in_every_process_sees_every_change_once_and_in_order(
    tmp_path: Path,
) -> None:
    path = tmp_path / "xinf.db"
    async with (
        asyncio.timeout(LONG_S),
        open_store(path, SystemClock()) as store,
        hammers(path, ["one", "two"]) as processes,
        asyncio.TaskGroup() as tasks,
    ):
        from_outside = Watcher("")
        tasks.create_task(from_outside.watch(store))
        for process in processes:
            assert await line(process) == b"written\n"
        last = await store.transact(ENDS)
        reports = [read_report(await line(process)) for process in processes]
    (one, _), (two, _) = reports
    assert not one.keys() & two.keys()
    assert max(min(one), min(two)) < min(max(one), max(two))  # they did write at the same time
    committed = {**one, **two, last: ENDS}
    assert sorted(committed) == list(range(1, last + 1))
    assert len(committed) > WRITERS * 100
    changes, _ = replay(committed)
    for watcher in (from_outside, *(watcher for _, seen in reports for watcher in seen)):
        check(watcher, changes)
