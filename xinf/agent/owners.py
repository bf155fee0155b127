"""Which engine a process belongs to: all that an engine starts stays in the session it leads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from xinf.agent.process import PROC, read_stat
from xinf.core.engines import RunningEngine


class Owners:
    """Drivers name a process for a moment longer than it exists, with all that it held. Whose it
    was is remembered for that long, or it would pass for a stranger who took the memory.
    """

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._before: dict[int, str] = {}

    def among(self, engines: Iterable[RunningEngine]) -> Callable[[int], str]:
        """From a pid to the replica of one of `engines`, or "" if it is none of theirs.

        Holds for one look at the devices: each process is asked for once, some 20 microseconds.
        """
        sessions = {each.identity.session: each.replica for each in engines if each.identity}
        before, now = self._before, dict[int, str]()
        self._before = now

        def owner_of(pid: int) -> str:
            if pid not in now:
                stat = read_stat(pid, self._proc)
                now[pid] = sessions.get(stat.session, "") if stat else before.get(pid, "")
            return now[pid]

        return owner_of
