"""From a spot to an assignment with its numbers and its reason in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from xinf.core.placement import ReplicaAssignment
from xinf.core.units import format_bytes
from xinf.scheduler.holdings import claim
from xinf.scheduler.places import Spot, verdict
from xinf.scheduler.sizes import Size, is_elastic, largest_size
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
    sharers = [0] * len(table.devices)
    for seat in growing:
        for number in seat.numbers:
            sharers[number] += 1
    for seat in growing:
        _grow_into(table, seat, min(table.free[n] // sharers[n] for n in seat.numbers))
        for number in seat.numbers:
            sharers[number] -= 1
    for seat in growing:
        grown = table.seats[seat.wish.replica]
        _grow_into(table, grown, min(table.free[n] for n in seat.numbers))
        _tell_context(table, table.leave(seat.wish.replica))


def _grow_into(table: Table, seat: Seat, room: int) -> None:
    model, device = seat.wish.model, table.devices[seat.numbers[0]]
    if room <= 0 or seat.entry.context == model.sizing.context:
        return
    size = largest_size(model, device, seat.claim + room)
    if size is not None and size.bytes > seat.claim:
        table.leave(seat.wish.replica)
        table.sit(_resized(table, seat, size))


def _resized(table: Table, seat: Seat, size: Size) -> Seat:
    entry = replace(
        seat.entry,
        memory_bytes=size.bytes,
        context=size.context,
        cache_bytes=size.cache_bytes,
    )
    claims = [size.bytes] * len(seat.numbers)
    return Seat(seat.wish, entry, seat.numbers, table.residents(seat.wish, claims))


def _tell_context(table: Table, seat: Seat) -> None:
    most, context = seat.wish.model.sizing.context, seat.entry.context or 0
    told = (
        f"takes {format_bytes(seat.entry.memory_bytes)} with its whole context of {most:,} tokens"
        if context == most
        else f"takes {format_bytes(seat.entry.memory_bytes)} with a context of {context:,} tokens, "
        f"the largest that fits (of {most:,})"
    )
    table.sit(replace(seat, entry=replace(seat.entry, why=f"{seat.entry.why}; {told}")))


def _found(table: Table, wish: Wish, spot: Spot) -> str:
    free = min(table.free[number] for number in spot.numbers)
    each = " each" if len(spot.numbers) > 1 else ""
    where = device_names(table, spot.numbers)
    told = f"{table.strategy.name}: {format_bytes(free)} free on {where}{each}"
    if is_elastic(wish.model):
        return told
    return f"{told}, needs {format_bytes(spot.size.bytes)} ({spot.size.basis})"
