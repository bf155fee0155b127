"""Whose turn it is on a device: the real rules of `agent.turns`, for engines that wait here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scripts.simulator.engines import Engine
from xinf.agent.turns import Entry, ahead_of, shortage
from xinf.core.nodes import Sighting

# How long a stop waits for its turn: agent.memory_wait.
STOP_PATIENCE_S = 60.0


@dataclass(slots=True)
class _Turn:
    engine: Engine
    entry: Entry
    since: float


class Gate:
    """Those who wait for their turn, in the order in which they came, and those at work."""

    def __init__(self) -> None:
        self._line: list[_Turn] = []
        self._at_work: list[_Turn] = []

    def join(self, engine: Engine, now: float, *, is_stop: bool) -> None:
        self._line.append(_turn(engine, now, is_stop))

    def hold(self, engine: Engine, now: float) -> None:
        """It stops whatever others do, and nobody may start there before it is gone."""
        self.leave(engine)
        self._at_work.append(_turn(engine, now, is_stop=True))

    def leave(self, engine: Engine) -> None:
        self._line = [turn for turn in self._line if turn.engine is not engine]
        self._at_work = [turn for turn in self._at_work if turn.engine is not engine]

    def next(self, seen: Sighting, now: float) -> Engine | None:
        """Somebody whose turn has come, at work from now on; None if everybody waits."""
        for place, turn in enumerate(self._line):
            if self._may_go(turn, place, seen, now):
                del self._line[place]
                self._at_work.append(turn)
                return turn.engine
        return None

    def _may_go(self, turn: _Turn, place: int, seen: Sighting, now: float) -> bool:
        earlier, later = _entries(self._line[:place]), _entries(self._line[place + 1 :])
        ahead = ahead_of(turn.entry, earlier, later, _entries(self._at_work))
        if turn.entry.is_stop:
            return not ahead or now >= turn.since + STOP_PATIENCE_S
        if ahead:
            return False
        assignment = turn.engine.assignment
        lacking = shortage(seen, assignment.devices, assignment.memory_bytes)
        turn.entry = replace(turn.entry, is_short=bool(lacking))
        return not lacking


def _turn(engine: Engine, now: float, is_stop: bool) -> _Turn:
    return _Turn(engine, Entry(engine.replica, frozenset(engine.devices), is_stop), now)


def _entries(turns: Sequence[_Turn]) -> list[Entry]:
    return [turn.entry for turn in turns]
