"""From a spot to an assignment with its numbers and its reason in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from xinf.core.placement import ReplicaAssignment
from xinf.core.units import format_bytes
from xinf.scheduler.holdings import claim
from xinf.scheduler.places import Spot, verdict
from xinf.scheduler.sizes import Size, is_elastic, largest_size, smallest_size
from xinf.scheduler.table import Seat, Table
from xinf.scheduler.wishes import Wish


def kept_seat(table: Table, wish: Wish, entry: ReplicaAssignment) -> Seat:
    """A replica stays as it is, with the numbers that its engine was told when it started."""
    if entry.config != wish.config:
        entry = replace(entry, config=wish.config)
    numbers = tuple(table.number[uuid] for uuid in entry.devices)
    engine = table.engines.get(wish.replica)
    claims = [claim(entry, table.devices[number], engine) for number in numbers]
    return Seat(wish, entry, numbers, table.residents(wish, claims), is_new=False)


def new_seat(table: Table, wish: Wish, spot: Spot, notes: Iterable[str]) -> Seat:
    """A replica starts somewhere; `notes` say what else there is to say of it."""
    first = table.devices[spot.numbers[0]]
    judged = verdict(wish.model, first.uuid)
    entry = ReplicaAssignment(
        replica=wish.replica,
        model=wish.model.name,
        node=table.nodes[spot.numbers[0]],
        devices=tuple(table.devices[number].uuid for number in spot.numbers),
        memory_bytes=spot.size.bytes,
        config=wish.config,
        fingerprint=wish.model.fingerprint,
        why="; ".join(note for note in (*notes, _found(table, wish, spot)) if note),
        context=spot.size.context,
        cache_bytes=spot.size.cache_bytes,
        rules=judged.rules,
        dtype=judged.dtype,
    )
    claims = [spot.size.bytes] * len(spot.numbers)
    return Seat(wish, entry, spot.numbers, table.residents(wish, claims))


def device_names(table: Table, numbers: Sequence[int]) -> str:
    """As in `cuda:0 and cuda:1`."""
    ids = [table.devices[number].id for number in numbers]
    return " and ".join(filter(None, (", ".join(ids[:-1]), ids[-1])))


def grow(table: Table) -> None:
    """Give the models that take any context what is left, those on one device in equal shares."""
    growing = sorted(
        (seat for seat in table.seats.values() if seat.is_new and is_elastic(seat.wish.model)),
        key=lambda seat: (-seat.wish.model.priority, seat.wish.replica),
    )
    grown = _Growing(table, growing)
    for seat in growing:
        grown.take(seat, shared=True)
    for seat in growing:
        grown.take(seat, shared=False)
        table.leave(seat.wish.replica)
        table.sit(_resized(table, seat, grown.sizes[seat.wish.replica]))


class _Growing:
    """What is still free while contexts grow into it. `sizes` are by replica."""

    def __init__(self, table: Table, growing: Iterable[Seat]) -> None:
        self._devices = table.devices
        self._free = list(table.free)
        self._sharers = [0] * len(self._free)
        self.sizes: dict[str, Size] = {}
        for seat in growing:
            first = table.devices[seat.numbers[0]]
            self.sizes[seat.wish.replica] = smallest_size(seat.wish.model, first)
            for number in seat.numbers:
                self._sharers[number] += 1

    def take(self, seat: Seat, shared: bool) -> None:
        """The largest context that fits what is left: a replica's share of it, or all of it."""
        model, before = seat.wish.model, self.sizes[seat.wish.replica]
        rooms = [self._free[n] // (self._sharers[n] if shared else 1) for n in seat.numbers]
        for number in seat.numbers:
            self._sharers[number] -= shared
        if min(rooms) <= 0 or before.context == model.sizing.context:
            return
        first = self._devices[seat.numbers[0]]
        size = largest_size(model, first, before.bytes + min(rooms)) or before
        self.sizes[seat.wish.replica] = size
        for number in seat.numbers:
            self._free[number] -= size.bytes - before.bytes


def _resized(table: Table, seat: Seat, size: Size) -> Seat:
    most, context = seat.wish.model.sizing.context, size.context or 0
    told = (
        f"its whole context of {most:,} tokens"
        if context == most
        else f"a context of {context:,} tokens, the largest that fits (of {most:,})"
    )
    entry = replace(
        seat.entry,
        memory_bytes=size.bytes,
        context=size.context,
        cache_bytes=size.cache_bytes,
        why=f"{seat.entry.why}; takes {format_bytes(size.bytes)} with {told}",
    )
    claims = [size.bytes] * len(seat.numbers)
    return Seat(seat.wish, entry, seat.numbers, table.residents(seat.wish, claims))


def _found(table: Table, wish: Wish, spot: Spot) -> str:
    free = min(table.free[number] for number in spot.numbers)
    each = " each" if len(spot.numbers) > 1 else ""
    where = device_names(table, spot.numbers)
    told = f"{table.strategy.name}: {format_bytes(free)} free on {where}{each}"
    if is_elastic(wish.model):
        return told
    return f"{told}, needs {format_bytes(spot.size.bytes)} ({spot.size.basis})"
