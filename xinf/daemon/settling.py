"""Since when the engines on each device have been what they are. Decides only.

A machine's record tells how full its devices were at the last heartbeat, an engine's what it is
now. For a while after an engine came or went the two do not belong together: where a device does
not tell whose its memory is, what has just been given back would pass for another program's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xinf.core.states import LIVE, EngineState
from xinf.scheduler.snapshot import EngineView

# Two heartbeats as they are by default: by then one has been after the last word of a driver.
SETTLE_S = 10.0

_Standing = Mapping[str, frozenset[tuple[str, bool]]]


class Settling:
    """Is told of the engines at each look, and remembers when that changed on a device."""

    def __init__(self) -> None:
        self._standing: _Standing = {}
        self._moved_at: Mapping[str, float] = {}

    def note(self, engines: Iterable[EngineView], now: float) -> None:
        """`now` is monotonic seconds."""
        standing = _standing(engines)
        moved = {
            uuid: now
            for uuid in standing.keys() | self._standing.keys()
            if standing.get(uuid) != self._standing.get(uuid)
        }
        self._standing, self._moved_at = standing, {**self._moved_at, **moved}

    def unsettled(self, now: float) -> frozenset[str]:
        """The devices (UUIDs) of which no figure can be relied upon yet."""
        return frozenset(uuid for uuid, at in self._moved_at.items() if now - at < SETTLE_S)


def _standing(engines: Iterable[EngineView]) -> _Standing:
    """By device, who lives there and whether it serves."""
    here: dict[str, set[tuple[str, bool]]] = {}
    for engine in engines:
        if engine.state in LIVE:
            for uuid in engine.devices:
                is_ready = engine.state is EngineState.READY
                here.setdefault(uuid, set()).add((engine.replica, is_ready))
    return {uuid: frozenset(those) for uuid, those in here.items()}
