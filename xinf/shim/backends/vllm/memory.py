"""What the processes of this engine hold in main memory.

They map the same libraries, and a forked one shares all that it has not changed, so their resident
sizes must not simply be added. The kernel's proportional sizes can be; it takes 20 ms a process to
make them. So those are asked for once, when the engine is loaded, and from then on only what has
changed since is counted: of private pages in each process, and of shared ones in the largest.
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
        self._counted_twice = 0
        self._looked_at = 0.0
        self._bytes = 0

    def find(self, session: int) -> None:
        """Look for its processes. Reads all of /proc, and waits for the kernel: 0.1 s."""
        self._members = tuple(_members(session, self._proc))
        sizes = [_proportional_bytes(process) for process in self._members]
        if all(sizes):
            self._counted_twice = _bytes(self._members) - sum(sizes)

    def bytes(self) -> int:
        """As it was a moment ago. Takes microseconds."""
        now = time.monotonic()
        if now - self._looked_at >= INTERVAL_SECONDS:
            counted = _bytes(self._members) - self._counted_twice
            self._looked_at, self._bytes = now, max(0, counted)
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


def _proportional_bytes(process: Path) -> int:
    """Every page divided by the number of processes that have it; 0 if the kernel does not say."""
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0
