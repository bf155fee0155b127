"""Which spot could be cleared for a newcomer at the least cost: eviction over many devices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from xinf.scheduler.eviction import Resident, make_room, may_leave
from xinf.scheduler.places import Range, Spot
from xinf.scheduler.table import Seat, Table
from xinf.scheduler.wishes import Claimant


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
        self._known: dict[Claimant, list[tuple[int, int]]] = {}

    def cheapest(self, able: Iterable[Range], claimant: Claimant) -> Clearing | None:
        """None where even everybody's leaving who may leave would not be enough."""
        found = [clearing for each in able for clearing in self._of(each, claimant)]
        return min(found, key=lambda clearing: clearing.cost, default=None)

    def _of(self, able: Range, claimant: Claimant) -> Iterator[Clearing]:
        need = able.size.bytes
        free, room = self._table.free, self._room(claimant, able.numbers)
        numbers = [number for number in able.numbers if free[number] + room[number] >= need]
        if len(numbers) < able.count:
            return
        single = [self._clear((number,), able, claimant) for number in numbers]
        if able.count == 1:
            yield from single
            return
        ranked = sorted(single, key=lambda clearing: clearing.cost)
        chosen = sorted(clearing.spot.numbers[0] for clearing in ranked[: able.count])
        yield self._clear(tuple(chosen), able, claimant)

    def _clear(self, numbers: tuple[int, ...], able: Range, claimant: Claimant) -> Clearing:
        leaving: dict[str, Resident] = {}
        for number in numbers:
            there = list(self._residents(number))
            gone = sum(each.memory_bytes for each in there if each.replica in leaving)
            rest = [each for each in there if each.replica not in leaving]
            free = self._table.free[number] + gone
            for resident in make_room(able.size.bytes, free, rest, claimant) or ():
                leaving[resident.replica] = resident
        return Clearing(Spot(numbers, able.size), tuple(leaving.values()))

    def _residents(self, number: int) -> Iterator[Resident]:
        return (resident_on(seat, number) for seat in self._table.on[number].values())

    def _room(self, claimant: Claimant, numbers: Sequence[int]) -> list[int]:
        """By device number: bytes that would leave for `claimant`."""
        turns = self._table.turns
        known = self._known.setdefault(claimant, [(-1, 0)] * len(turns))
        for number in numbers:
            if known[number][0] != turns[number]:
                size = sum(
                    resident.memory_bytes
                    for resident in self._residents(number)
                    if may_leave(resident, claimant)
                )
                known[number] = (turns[number], size)
        return [size for _, size in known]


def resident_on(seat: Seat, number: int) -> Resident:
    """The resident with what it claims of one of its devices."""
    if len(seat.numbers) == 1:
        return seat.resident
    return replace(seat.resident, memory_bytes=seat.claims[seat.numbers.index(number)])
