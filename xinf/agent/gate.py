"""The gate that every engine passes on its way onto a device, and again on its way off.

Whose turn it is, `turns` decides; here one waits for it. Nothing is locked: what is at work and who
waits are two lists, changed at once and by this object only, so a turn that is left in whatever way
is over. A turn is left when its `with` block is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from xinf.agent.turns import Entry, ahead_of, shortage, waiting_words
from xinf.agent.wake import Wake
from xinf.core.clock import Clock
from xinf.core.nodes import Sighting
from xinf.core.placement import ReplicaAssignment

# A driver takes a moment to give back what a process held; nobody waits this long for nothing.
MEMORY_POLL_S = 0.5
# Who waits for another's turn is rung; this is the net below.
TURN_POLL_S = 5.0


class Hindered(Exception):
    """The machine does not let an engine run now, whatever the engine itself is like."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One replica's way through the gate, first in, then out."""

    assignment: ReplicaAssignment
    wake: Wake


class Gate:
    """`sample` looks at the devices; a turn that finds its memory taken is patient for `patience_s`
    seconds, not counting those in which others are at work there.
    """

    def __init__(
        self, sample: Callable[[], Awaitable[Sighting]], clock: Clock, patience_s: float
    ) -> None:
        self._sample = sample
        self._clock = clock
        self._patience_s = patience_s
        self._line: dict[Turn, Entry] = {}
        self._at_work: dict[Turn, Entry] = {}
        self._ids: dict[str, str] = {}
        self._cpus: frozenset[str] = frozenset()
        self._is_closing = False

    @property
    def at_work(self) -> tuple[Entry, ...]:
        """Who starts or stops now."""
        return tuple(self._at_work.values())

    @contextmanager
    def turn(self, assignment: ReplicaAssignment) -> Generator[Turn]:
        turn = Turn(assignment, Wake(self._clock))
        try:
            yield turn
        finally:
            self.leave(turn)

    async def start(self, turn: Turn, tell: Callable[[str], None]) -> None:
        """Wait until `turn` may start; from then on it is at work. `tell` hears what it waits for.

        Raises Hindered when its memory is not free in time.
        """
        if not self._ids.keys() >= set(turn.assignment.devices):
            await self.look()
        self._line[turn] = self._entry(turn)
        try:
            await self._wait_to_start(turn, tell)
            self._at_work[turn] = self._entry(turn)
        finally:
            self._step_out(turn)

    async def stop(self, turn: Turn, tell: Callable[[str], None]) -> None:
        """Wait while others start, but not for ever; from then on `turn` is at work.

        One that is at work already goes on, and nobody waits when everything is closing.
        """
        if turn in self._at_work:
            return
        self._line[turn] = replace(self._entry(turn), is_stop=True)
        try:
            async with self._clock.timeout(self._patience_s):
                while not self._is_closing and (ahead := self._ahead(turn)):
                    tell(self._words(turn, ahead))
                    await turn.wake.wait(TURN_POLL_S)
        except TimeoutError:
            pass
        finally:
            self._step_out(turn)
        self.hold(turn)

    def hold(self, turn: Turn) -> None:
        """`turn` stops, whatever others do: nobody may start before it is left."""
        self._at_work.setdefault(turn, replace(self._entry(turn), is_stop=True))

    def leave(self, turn: Turn) -> None:
        """`turn` is over: the next may go. Leaving again is fine."""
        if self._at_work.pop(turn, None) is not None:
            self._ring()

    def close(self) -> None:
        """From now on nobody waits to stop."""
        self._is_closing = True
        self._ring()

    async def _wait_to_start(self, turn: Turn, tell: Callable[[str], None]) -> None:
        lacked_s = 0.0
        while True:
            if ahead := self._ahead(turn):
                tell(self._words(turn, ahead))
                await turn.wake.wait(TURN_POLL_S)
                continue
            since = self._clock.now()
            lacking = await self._lacking(turn)
            if not lacking and not self._ahead(turn):
                return
            if lacking:
                if lacked_s >= self._patience_s:
                    raise Hindered(lacking)
                tell(f"waits for memory: {lacking}")
                await turn.wake.wait(MEMORY_POLL_S)
                lacked_s += self._clock.now() - since

    async def _lacking(self, turn: Turn) -> str:
        """Why its memory cannot be had; others go by as long as that is so."""
        seen = await self.look()
        assignment = turn.assignment
        lacking = shortage(seen, assignment.devices, assignment.memory_bytes)
        if self._line[turn].is_short != bool(lacking):
            self._line[turn] = replace(self._line[turn], is_short=bool(lacking))
            self._ring(besides=turn)
        return lacking

    async def look(self) -> Sighting:
        """At the devices, as they are now."""
        seen = await self._sample()
        self._ids |= {device.uuid: device.id for device in seen.devices}
        self._cpus |= {device.uuid for device in seen.devices if device.kind == "cpu"}
        return seen

    def _entry(self, turn: Turn) -> Entry:
        assignment = turn.assignment
        return Entry(assignment.replica, frozenset(assignment.devices) - self._cpus)

    def _ahead(self, turn: Turn) -> tuple[Entry, ...]:
        turns = list(self._line)
        place = turns.index(turn)
        earlier, later = ([self._line[each] for each in some] for some in _around(turns, place))
        return ahead_of(self._line[turn], earlier, later, self._at_work.values())

    def _words(self, turn: Turn, ahead: tuple[Entry, ...]) -> str:
        return waiting_words(ahead, self._ids, turn.assignment.devices)

    def _step_out(self, turn: Turn) -> None:
        del self._line[turn]
        self._ring()

    def _ring(self, besides: Turn | None = None) -> None:
        for turn in self._line:
            if turn is not besides:
                turn.wake.ring()


def _around(turns: list[Turn], place: int) -> tuple[list[Turn], list[Turn]]:
    return turns[:place], turns[place + 1 :]
