"""Idle replicas give way to other programs, so that nothing that works runs out of memory.

What runs may stay while others have eaten half of the reserve; it comes back only where it fits
beside the whole of it. So a program whose memory wavers does not start and stop our engines.
"""

from __future__ import annotations

from collections.abc import Iterator

from xinf.core.nodes import Device, DeviceProcess
from xinf.core.placement import Obstacle
from xinf.core.units import format_bytes
from xinf.scheduler.clearing import resident_on
from xinf.scheduler.keeping import Cause
from xinf.scheduler.table import Seat, Table
from xinf.scheduler.wishes import Wish

# So many of the programs that hold the most are named.
NAMED = 2


def give_way(table: Table, causes: dict[str, Cause]) -> list[Wish]:
    """Unseat idle replicas from devices on which others took too much; a busy one is left alone."""
    leaving: list[Wish] = []
    for number in range(len(table.devices)):
        lacking = -(table.free[number] + table.accounts[number].reserve // 2)
        if lacking > 0:
            for seat in list(_leaving(table, number, lacking)):
                table.leave(seat.wish.replica)
                causes[seat.wish.replica] = Cause(blame(table, number), Obstacle.YIELDED)
                leaving.append(seat.wish)
    return leaving


def blame(table: Table, number: int) -> str:
    """Who took the memory of a device, the largest programs by name."""
    device, account = table.devices[number], table.accounts[number]
    if not account.foreign:
        return f"gave way on {device.id}, which has less memory for models than before"
    told = ", ".join(_programs(device)) or f"others hold {format_bytes(account.foreign)}"
    return f"gave way on {device.id}, where {told}{' (inferred)' if account.is_inferred else ''}"


def _programs(device: Device) -> Iterator[str]:
    strangers = [each for each in device.processes if not each.owner and each.memory_bytes]

    def rank(process: DeviceProcess) -> tuple[int, int]:
        return -process.memory_bytes, process.pid

    for each in sorted(strangers, key=rank)[:NAMED]:
        yield f"{each.name} (pid {each.pid}) holds {format_bytes(each.memory_bytes)}"


def _leaving(table: Table, number: int, lacking: int) -> Iterator[Seat]:
    """The least important that are enough, the longest unused first; all idle ones if none are."""
    idle = [seat for seat in table.on[number].values() if not seat.resident.is_busy]
    chosen: list[Seat] = []
    for seat in sorted(idle, key=_rank):
        if lacking > 0 and _claim(seat, number) > 0:
            chosen.append(seat)
            lacking -= _claim(seat, number)
    spare = -lacking
    needed: list[Seat] = []
    for seat in reversed(chosen):
        if _claim(seat, number) <= spare:
            spare -= _claim(seat, number)
        else:
            needed.append(seat)
    return reversed(needed)


def _rank(seat: Seat) -> tuple[float | str, ...]:
    resident = seat.resident
    return (
        resident.is_pinned,
        resident.is_asked_for,
        resident.priority,
        -resident.idle_s,
        resident.replica,
    )


def _claim(seat: Seat, number: int) -> int:
    return resident_on(seat, number).memory_bytes
