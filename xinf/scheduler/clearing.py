"""Which spot could be cleared for a newcomer at the least cost: eviction over many devices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from xinf.scheduler.eviction import Resident, make_room, may_leave
from xinf.scheduler.places import Range, Spot
from xinf.scheduler.table import Make, Table
from xinf.scheduler.wishes import Claimant

# So many devices of a make are considered, those with the most free memory: enough for any
# workstation, and a bound for larger machines.
LOOKED_AT = 8


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


class Clearings:
    """Remembers how much of each device could be freed, until somebody comes or goes there."""

    def __init__(self, table: Table) -> None:
        self._table = table
        # By claimant and device: bytes, and the turn at which that was so.
        self._sizes: dict[Claimant, tuple[list[int], list[int]]] = {}
        self._most: dict[tuple[Claimant, Make], tuple[int, int]] = {}

    def cheapest(self, able: Iterable[Range], claimant: Claimant) -> Clearing | None:
        """None where even everybody's leaving who may leave would not be enough."""
        found = [clearing for each in able for clearing in self._of(each, claimant)]
        return min(found, key=lambda clearing: clearing.cost, default=None)

    def _of(self, able: Range, claimant: Claimant) -> Iterator[Clearing]:
        need = able.size.bytes
        if self._most_room(claimant, able.make) < need:
            return
        free, room = self._table.free, self._room(claimant, able.numbers)
        numbers = [number for number in able.numbers if free[number] + room[number] >= need]
        if len(numbers) < able.count:
            return
        numbers = sorted(numbers, key=lambda number: (-free[number], number))
        looked_at = numbers[: max(LOOKED_AT, able.count)]
        single = [self._clear((number,), able, claimant) for number in looked_at]
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

    def _most_room(self, claimant: Claimant, make: Make) -> int:
        """The most that any device of a make could have free: no use to look there for more."""
        key, now = (claimant, make), self._table.turn
        turn, most = self._most.get(key, (-1, 0))
        if turn != now:
            free, room = self._table.free, self._room(claimant, make.numbers)
            most = max(free[number] + room[number] for number in make.numbers)
            self._most[key] = (now, most)
        return most

    def _room(self, claimant: Claimant, numbers: Sequence[int]) -> list[int]:
        """By device number: bytes that would leave for `claimant`."""
        turns = self._table.turns
        known = self._sizes.get(claimant)
        if known is None:
            known = self._sizes[claimant] = ([0] * len(turns), [-1] * len(turns))
        sizes, seen = known
        for number in numbers:
            if seen[number] != turns[number]:
                seen[number] = turns[number]
                sizes[number] = sum(
                    resident.memory_bytes
                    for resident in self._table.on[number].values()
                    if may_leave(resident, claimant)
                )
        return sizes
