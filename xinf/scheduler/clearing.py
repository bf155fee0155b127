"""Which spot could be cleared for a newcomer at the least cost: eviction over many devices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xinf.scheduler.eviction import Resident, make_room, may_leave
from xinf.scheduler.places import Range, Spot
from xinf.scheduler.table import Make, Makes, Table
from xinf.scheduler.wishes import Claimant

# So many devices of a make are considered, those with the most free memory: enough for any
# workstation, and a bound for larger machines.
CONSIDERED = 8


@dataclass(frozen=True, slots=True)
class Clearing:
    """A spot, and who has to leave for it: each once, though it may sit on several devices."""

    spot: Spot
    leaving: tuple[Resident, ...]

    @property
    def cost(self) -> tuple[float, ...]:
        """First that nobody important leaves, then what it costs to have them again."""
        highest = max((each.priority for each in self.leaving), default=0)
        return (
            highest,
            sum(each.worth for each in self.leaving),
            sum(each.memory_bytes for each in self.leaving),
            *self.spot.numbers,
        )


class _Reach:
    """How much of each device one claimant could have, as far as it has been asked for."""

    def __init__(self, devices: int) -> None:
        self.sizes = [0] * devices
        # How many of the table's turns are in the sizes; None = not looked yet.
        self.turns: int | None = None
        # The turn at which these devices were asked for, and the most on any of them.
        self.most: dict[Makes, tuple[int, int]] = {}


class Clearings:
    """Remembers how much of each device could be freed, until somebody comes or goes there."""

    def __init__(self, table: Table, considered: int = CONSIDERED) -> None:
        self._table = table
        self._considered = considered
        self._reaches: dict[Claimant, _Reach] = {}

    def cheapest(self, able: Iterable[Range], claimant: Claimant) -> Clearing | None:
        """None where even everybody's leaving who may leave would not be enough."""
        reach = self._reaches.get(claimant)
        if reach is None:
            reach = self._reaches[claimant] = _Reach(len(self._table.devices))
        found = [
            clearing
            for each in able
            if self._most(reach, claimant, each.makes) >= each.size.bytes
            for make in each.makes.each
            for clearing in self._of(each, make, claimant, reach)
        ]
        return min(found, key=lambda clearing: clearing.cost, default=None)

    def _of(self, able: Range, make: Make, claimant: Claimant, reach: _Reach) -> Iterator[Clearing]:
        need, free, sizes = able.size.bytes, self._table.free, reach.sizes
        numbers = [number for number in make.numbers if free[number] + sizes[number] >= need]
        if len(numbers) < able.count:
            return
        numbers = sorted(numbers, key=lambda number: (-free[number], number))
        considered = numbers[: max(self._considered, able.count)]
        single = [self._clear((number,), able, claimant) for number in considered]
        if able.count == 1:
            yield from single
            return
        ranked = sorted(single, key=lambda clearing: clearing.cost)
        chosen = sorted(clearing.spot.numbers[0] for clearing in ranked[: able.count])
        yield self._clear(tuple(chosen), able, claimant)

    def _clear(self, numbers: tuple[int, ...], able: Range, claimant: Claimant) -> Clearing:
        leaving: dict[str, Resident] = {}
        for number in numbers:
            there = self._table.on[number].values()
            gone = sum(each.memory_bytes for each in there if each.replica in leaving)
            rest = [each for each in there if each.replica not in leaving]
            free = self._table.free[number] + gone
            for resident in make_room(able.size.bytes, free, rest, claimant) or ():
                leaving[resident.replica] = resident
        return Clearing(Spot(numbers, able.size), tuple(leaving.values()))

    def _most(self, reach: _Reach, claimant: Claimant, makes: Makes) -> int:
        """The most that any of these devices could have free: no use to look there for more."""
        turn, most = reach.most.get(makes, (-1, 0))
        if turn != len(self._table.turns):
            self._look(reach, claimant)
            free, sizes = self._table.free, reach.sizes
            most = max([free[number] + sizes[number] for number in makes.numbers])
            reach.most[makes] = (len(self._table.turns), most)
        return most

    def _look(self, reach: _Reach, claimant: Claimant) -> None:
        """Bring the sizes up to date where somebody came or went."""
        table = self._table
        if reach.turns is None:
            changed: Iterable[int] = range(len(table.devices))
        else:
            changed = table.turns[reach.turns :]
        reach.turns = len(table.turns)
        for number in changed:
            reach.sizes[number] = sum(
                resident.memory_bytes
                for resident in table.on[number].values()
                if may_leave(resident, claimant)
            )
