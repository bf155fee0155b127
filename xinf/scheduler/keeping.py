"""What runs stays where it is, unless something else is required.

Required is it where a device is gone, cannot run the model any more or is not among its pins, and
where settings changed so that it no longer fits. Being better off elsewhere is no reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xinf.core.placement import Obstacle, ReplicaAssignment
from xinf.core.states import EngineState
from xinf.core.units import format_bytes
from xinf.scheduler.places import Spot, device_count, size_on, verdict
from xinf.scheduler.seating import kept_seat, new_seat
from xinf.scheduler.sizes import is_elastic
from xinf.scheduler.table import Table
from xinf.scheduler.wishes import Wish

_AT_REST = frozenset({EngineState.STOPPED, EngineState.BACKOFF, EngineState.FAILED})


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a replica has left its place. `obstacle` is what it waits for if it finds no other."""

    told: str
    obstacle: Obstacle | None = None


def keep(
    table: Table, wishes: Iterable[Wish], held: Mapping[str, ReplicaAssignment]
) -> tuple[list[Wish], dict[str, Cause]]:
    """Seat all that may stay; returns who needs another place, and why those who had one."""
    newcomers: list[Wish] = []
    restarting: list[tuple[Wish, ReplicaAssignment]] = []
    causes: dict[str, Cause] = {}
    for wish in wishes:
        entry = held.get(wish.replica)
        if entry is None:
            newcomers.append(wish)
            continue
        reason = _why_not_there(table, wish, entry)
        if reason:
            causes[wish.replica] = Cause(reason)
            newcomers.append(wish)
        elif keeps_its_numbers(table, wish, entry):
            table.sit(kept_seat(table, wish, entry))
        else:
            restarting.append((wish, entry))
    # Only now, so that a model that has grown takes nothing from those that run.
    for wish, entry in restarting:
        if not _restart(table, wish, entry):
            is_same = entry.fingerprint == wish.model.fingerprint
            told = "for what it was measured to take" if is_same else "with its new settings"
            causes[wish.replica] = Cause(f"no room {told} on {_ids(table, entry)}")
            newcomers.append(wish)
    return newcomers, causes


def _why_not_there(table: Table, wish: Wish, entry: ReplicaAssignment) -> str:
    """Why a replica cannot stay on its devices, "" if it can."""
    gone = [uuid for uuid in entry.devices if uuid not in table.number]
    if gone or not entry.devices:
        return f"{' and '.join(gone) or 'its device'} is gone"
    if wish.model.is_pending:
        return ""
    if wish.model.pins and set(wish.model.pins) != set(entry.devices):
        return "it is pinned elsewhere now"
    if len(entry.devices) != device_count(wish.model):
        return f"it takes {device_count(wish.model)} devices now"
    for uuid in entry.devices:
        device = table.devices[table.number[uuid]]
        if device.kind != wish.model.device_kind:
            return f"it needs a {wish.model.device_kind} device now"
        refusal = verdict(wish.model, uuid).refusal
        if refusal:
            return f"{device.id} cannot run it any more: {refusal}"
    return ""


def keeps_its_numbers(table: Table, wish: Wish, entry: ReplicaAssignment) -> bool:
    """A live replica does as long as its settings are the same; what was measured of it applies
    once its engine has ended.
    """
    model = wish.model
    if model.is_pending:
        return True
    if entry.fingerprint != model.fingerprint:
        return False
    engine = table.engines.get(wish.replica)
    if engine is None or engine.state not in _AT_REST or is_elastic(model):
        return True
    measured = model.measured.get(table.devices[table.number[entry.devices[0]]].name)
    return measured is None or measured == entry.memory_bytes


def _restart(table: Table, wish: Wish, entry: ReplicaAssignment) -> bool:
    """Seat a replica with new numbers where it was, if there is room for them.

    Where a measurement would take it beyond what is free but not beyond half of the reserve it
    keeps the numbers with which it has run there.
    """
    numbers = tuple(table.number[uuid] for uuid in entry.devices)
    size = size_on(table, wish.model, numbers[0])
    is_same = entry.fingerprint == wish.model.fingerprint
    if any(table.free[number] < size.bytes for number in numbers):
        eaten = [table.accounts[number].reserve // 2 for number in numbers]
        rooms = [table.free[n] + more for n, more in zip(numbers, eaten, strict=True)]
        if is_same and min(rooms) >= max(size.bytes, entry.memory_bytes):
            table.sit(kept_seat(table, wish, entry))
            return True
        return False
    news = f"was measured at {format_bytes(size.bytes)}" if is_same else "has new settings"
    note = f"stays on {_ids(table, entry)} and {news}"
    table.sit(new_seat(table, wish, Spot(numbers, size), (note,)))
    return True


def _ids(table: Table, entry: ReplicaAssignment) -> str:
    return " and ".join(table.devices[table.number[uuid]].id for uuid in entry.devices)
