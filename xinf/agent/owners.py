"""Which engine a process belongs to: all that an engine starts stays in the session it leads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from xinf.agent.process import PROC, read_stat
from xinf.core.engines import RunningEngine


def owners(engines: Iterable[RunningEngine], proc: Path = PROC) -> Callable[[int], str]:
    """From a pid to the replica of one of `engines`, or "" if it is none of theirs.

    Holds for one look at the devices: each process is asked for once, some 20 microseconds.
    """
    sessions = {each.identity.session: each.replica for each in engines if each.identity}
    known: dict[int, str] = {}

    def owner_of(pid: int) -> str:
        if sessions and pid not in known:
            stat = read_stat(pid, proc)
            known[pid] = sessions.get(stat.session, "") if stat else ""
        return known.get(pid, "")

    return owner_of
