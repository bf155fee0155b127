"""Processes as the kernel knows them: identity, exit, and everything in a session.

A pid alone is not an identity: it is used again. A pid with its start time is. A shim leads a
session of its own, which every descendant stays in, so an engine is gone when its session is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# prctl(2): orphans of our descendants become our children, so that we can reap them. Without it
# they would be left to PID 1, which in a container often reaps nobody.
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """Some of /proc/PID/stat. `start_ticks` counts clock ticks since boot."""

    pid: int
    state: str
    parent: int
    session: int
    start_ticks: int

    @property
    def is_alive(self) -> bool:
        """A zombie holds nothing any more but its exit status."""
        return self.state not in "ZX"


def read_stat(pid: int, proc: Path = PROC) -> ProcessStat | None:
    """The process as it is now; None if there is none."""
    try:
        text = (proc / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name may hold spaces and brackets; the last bracket ends it.
    fields = text.rpartition(")")[2].split()
    return ProcessStat(pid, fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def session_members(session: int, proc: Path = PROC) -> tuple[ProcessStat, ...]:
    """All processes in `session`, zombies too. Reads all of /proc: not for the event loop."""
    pids = (int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())
    stats = (read_stat(pid, proc) for pid in pids)
    return tuple(stat for stat in stats if stat is not None and stat.session == session)


def is_same_process(pid: int, start_ticks: int) -> bool:
    """Whether the process that had this identity still lives."""
    stat = read_stat(pid)
    return stat is not None and stat.is_alive and stat.start_ticks == start_ticks


def kill_session(session: int) -> bool:
    """SIGKILL everything in `session` and reap what is ours; True once nothing is left of it but
    its leader's exit status, which belongs to whoever started it.

    Not for the event loop. A member that forks meanwhile is caught by the next call.
    """
    members = session_members(session)
    for member in members:
        # Also what looks dead: a process does when its first thread has ended, whatever the others
        # still hold.
        with contextlib.suppress(ProcessLookupError):
            os.kill(member.pid, signal.SIGKILL)
    family = {member.pid for member in members}
    left = [member for member in members if not _is_gone(member, family)]
    return not left


def _is_gone(member: ProcessStat, family: set[int]) -> bool:
    """Whether nothing is left of `member`; it is reaped where that is up to us."""
    if member.is_alive:
        return False
    if member.pid == member.session:
        return True
    if member.parent != os.getpid():
        # The children of one whose last thread has not ended come to us when it has. Those of
        # another parent are that one's to reap.
        return member.parent not in family
    try:
        return os.waitpid(member.pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies. Linux only; elsewhere nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


async def wait_exit(pidfd: int) -> None:
    """Wait until the process behind `pidfd` is gone (it may still be a zombie)."""
    loop = asyncio.get_running_loop()
    gone = loop.create_future()

    def mark() -> None:
        if not gone.done():
            gone.set_result(None)

    # A pidfd becomes readable when its process ends, whoever its parent is.
    loop.add_reader(pidfd, mark)
    try:
        await gone
    finally:
        loop.remove_reader(pidfd)
