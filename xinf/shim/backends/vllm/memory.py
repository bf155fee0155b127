"""What the processes of this engine hold in main memory.

Each maps the same libraries, so their resident sizes must not simply be added. What each has of its
own counts, and what it may share counts once, as much as the largest of them has: measured, that is
within a thousandth of the kernel's proportional sizes, which take it 20 ms a process to add up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Load is told ten times a second; this need not be that new.
INTERVAL_SECONDS = 1.0


class SessionMemory:
    """The processes of one session, which are known once the engine is loaded."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._members: tuple[Path, ...] = ()
        self._looked_at = 0.0
        self._bytes = 0

    def find(self, session: int) -> None:
        """Look for its processes. Reads all of /proc: some milliseconds."""
        self._members = tuple(_members(session, self._proc))

    def bytes(self) -> int:
        """As it was a moment ago. Takes microseconds."""
        now = time.monotonic()
        if now - self._looked_at >= INTERVAL_SECONDS:
            self._looked_at, self._bytes = now, _bytes(self._members)
        return self._bytes


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


def _bytes(members: tuple[Path, ...]) -> int:
    private = shared = 0
    for process in members:
        try:
            _, resident, mapped, *_ = map(int, (process / "statm").read_text().split())
        except (OSError, ValueError):
            continue
        private += resident - mapped
        shared = max(shared, mapped)
    return (private + shared) * PAGE_BYTES
