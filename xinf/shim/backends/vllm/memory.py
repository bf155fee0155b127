"""What this shim and all its children hold in main memory."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path

# Looking costs some 20 ms of the kernel's time per process, so it is not done for every question.
INTERVAL_SECONDS = 5.0

_PSS = re.compile(r"^Pss: +(\d+) kB", re.MULTILINE)


class SessionMemory:
    """The newest look at the memory of this session. `run` keeps looking."""

    def __init__(self) -> None:
        self.bytes = 0

    async def look(self) -> None:
        self.bytes = await asyncio.to_thread(session_bytes)

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL_SECONDS)


def session_bytes(session: int | None = None, proc: Path = Path("/proc")) -> int:
    """Resident bytes of a session's processes; a page that several share counts once. Blocks."""
    wanted = os.getsid(0) if session is None else session
    return sum(map(_bytes, _members(wanted, proc)))


def _members(session: int, proc: Path) -> Iterator[Path]:
    for process in proc.iterdir():
        if process.name.isdigit() and _session(process) == session:
            yield process


def _session(process: Path) -> int | None:
    try:
        # The command's name stands in parentheses and may hold anything.
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, ValueError, IndexError):
        return None  # it ended while we looked


def _bytes(process: Path) -> int:
    try:
        found = _PSS.search((process / "smaps_rollup").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
