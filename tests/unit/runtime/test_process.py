import asyncio
import os
from pathlib import Path

import pytest

from xinf.clock import SystemClock
from xinf.runtime.process import run_to_end


def members(session: int) -> list[int]:
    """Live processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


async def test_lines_arrive_as_they_are_written_and_the_end_is_kept() -> None:
    lines: list[str] = []
    argv = ["sh", "-c", "echo one; echo two >&2; exit 3"]
    ended = await run_to_end(argv, SystemClock(), on_line=lines.append)
    assert (ended.code, ended.tail) == (3, "one\ntwo")
    assert lines == ["one", "two"]


async def test_cancelled_it_takes_its_children_down_with_it() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    argv = ["sh", "-c", "sleep 300 & echo $$; wait"]
    running = asyncio.create_task(run_to_end(argv, SystemClock(), on_line=said.put_nowait))
    session = int(await said.get())
    assert len(members(session)) == 2
    assert session != os.getsid(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert members(session) == []


async def test_one_that_ignores_being_asked_is_killed() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    argv = ["sh", "-c", "trap '' TERM; echo $$; while true; do sleep 0.05; done"]
    running = asyncio.create_task(run_to_end(argv, SystemClock(), on_line=said.put_nowait))
    session = int(await said.get())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert members(session) == []
