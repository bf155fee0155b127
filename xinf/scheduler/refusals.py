"""Why a replica has no place, with the arithmetic and what would help."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from xinf.core.placement import Obstacle, Unplaced
from xinf.core.units import format_bytes
from xinf.scheduler.clearing import Clearings
from xinf.scheduler.eviction import Resident
from xinf.scheduler.keeping import Cause
from xinf.scheduler.misfits import why_no_device
from xinf.scheduler.nearest import Nearest
from xinf.scheduler.places import Range
from xinf.scheduler.rooms import Rooms
from xinf.scheduler.table import Makes, Table
from xinf.scheduler.wishes import Wish, waits_for_a_request

# Devices and holders beyond these are counted, not named.
DEVICES_TOLD = 4
HOLDERS_TOLD = 4
# What would help is looked for as long as somebody may read it: for so many models, in turn.
HELPED = 100
WAITS = "is loaded when a request asks for it"


class Refusals:
    """Explains by the finished table; the arithmetic of devices is put into words only once."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._told: dict[tuple[Makes, ...], str] = {}
        self._balanced: dict[int, str] = {}
        self._helped = 0
        # What holds for one copy of a model holds for all.
        self._same: dict[str, Unplaced] = {}
        self._free = Rooms(table.free)
        self._empty = Rooms([account.total - account.reserve for account in table.accounts])
        budgets = Rooms([account.budget for account in table.accounts])
        clearings = Clearings(table, considered=1)
        self._nearest = Nearest(clearings, self._free)
        self._nearest_alone = Nearest(clearings, budgets)

    def refuse(self, wish: Wish, able: Sequence[Range], cause: Cause | None) -> Unplaced:
        """`able` are the devices that suit its model; `cause` is why it left the place it had."""
        found = self._same.get(wish.model.name)
        if found is None:
            found = self._same[wish.model.name] = self._refusal(wish, able)
        elif found.replica != wish.replica:
            found = replace(found, replica=wish.replica)
        if cause is None:
            return found
        is_passing = found.obstacle in (Obstacle.NO_ROOM, Obstacle.ON_DEMAND)
        return replace(
            found,
            reason=f"{cause.told}; {found.reason}",
            obstacle=cause.obstacle if cause.obstacle and is_passing else found.obstacle,
            cause=cause.told,
        )

    def _refusal(self, wish: Wish, able: Sequence[Range]) -> Unplaced:
        if not able:
            obstacle, reason, nearest = why_no_device(self._table, wish.model)
            return _unplaced(wish, (wish.model.memory_bytes, 0), reason, obstacle, nearest)
        roomiest, short = _shortest(able, self._empty)
        if short > 0:
            nearest = self._fit(self._nearest_alone, wish, able)
            reason = self._too_large(roomiest, short)
            numbers = (roomiest.size.bytes, short)
            return _unplaced(wish, numbers, reason, Obstacle.TOO_LARGE, nearest)
        if waits_for_a_request(wish):
            return _unplaced(wish, (roomiest.size.bytes, 0), WAITS, Obstacle.ON_DEMAND)
        return self._no_room(wish, able)

    def _no_room(self, wish: Wish, able: Sequence[Range]) -> Unplaced:
        roomiest, short = _shortest(able, self._free)
        makes = tuple(each.makes for each in able)
        text = self._told.get(makes)
        if text is None:
            text = self._told[makes] = "; ".join(self._balances(makes))
        reason = f"{_needs(roomiest)}; {text}; short by {format_bytes(short)}"
        nearest = self._fit(self._nearest, wish, able)
        return _unplaced(wish, (roomiest.size.bytes, short), reason, Obstacle.NO_ROOM, nearest)

    def _fit(self, nearest: Nearest, wish: Wish, able: Sequence[Range]) -> str:
        self._helped += 1
        return nearest.fit(wish, able) if self._helped <= HELPED else ""

    def _too_large(self, roomiest: Range, short: int) -> str:
        best = max(roomiest.makes.numbers, key=self._empty.of)
        return (
            f"{_needs(roomiest)}; {self._table.devices[best].id}, the roomiest, has "
            f"{format_bytes(max(self._empty.of(best), 0))} for models when it is empty; "
            f"short by {format_bytes(short)}"
        )

    def _balances(self, makes: Sequence[Makes]) -> Iterator[str]:
        numbers = [number for each in makes for number in each.numbers]
        ranked = sorted(numbers, key=lambda number: (-self._table.free[number], number))
        for number in ranked[:DEVICES_TOLD]:
            if number not in self._balanced:
                self._balanced[number] = self._balance(number)
            yield self._balanced[number]
        if len(ranked) > DEVICES_TOLD:
            yield f"{len(ranked) - DEVICES_TOLD} more devices have less"

    def _balance(self, number: int) -> str:
        """As in `cuda:0: 31.8 GiB - 1.0 GiB reserve - 26.1 GiB coder/0 (busy) = 4.7 GiB free`."""
        account, there = self._table.accounts[number], self._table.on[number].values()
        terms = [f"{format_bytes(account.reserve)} reserve"] if account.reserve else []
        if account.foreign:
            inferred = " (inferred)" if account.is_inferred else ""
            terms.append(f"{format_bytes(account.foreign)} others{inferred}")
        held = sorted(there, key=lambda each: (-each.memory_bytes, each.replica))
        terms.extend(_holding(resident) for resident in held[:HOLDERS_TOLD])
        rest = held[HOLDERS_TOLD:]
        if rest:
            terms.append(
                f"{format_bytes(sum(each.memory_bytes for each in rest))} {len(rest)} more"
            )
        sums = " - ".join([format_bytes(account.total), *terms])
        free = format_bytes(max(self._table.free[number], 0))
        return f"{self._table.devices[number].id}: {sums} = {free} free"


def _holding(resident: Resident) -> str:
    marks = ["busy" if resident.is_busy else "idle"]
    marks += ["pinned"] if resident.is_pinned else []
    marks += ["asked for"] if resident.is_asked_for and not resident.is_busy else []
    return f"{format_bytes(resident.memory_bytes)} {resident.replica} ({', '.join(marks)})"


def _shortest(able: Sequence[Range], rooms: Rooms) -> tuple[Range, int]:
    """Where the least is lacking, and how much on each device."""
    shorts = [each.size.bytes - rooms.each(each.makes, each.count) for each in able]
    short = min(shorts)
    return able[shorts.index(short)], short


def _needs(able: Range) -> str:
    where = f" on each of {able.count} devices" if able.count > 1 else ""
    return f"needs {format_bytes(able.size.bytes)}{where} ({able.size.basis})"


def _unplaced(
    wish: Wish, numbers: tuple[int, int], reason: str, obstacle: Obstacle, nearest: str = ""
) -> Unplaced:
    needs, short = numbers
    return Unplaced(wish.replica, wish.model.name, needs, short, reason, obstacle, nearest)
