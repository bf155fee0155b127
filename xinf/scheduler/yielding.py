"""Idle replicas give way to other programs, so that nothing that works runs out of memory.

What runs may stay while others have eaten half of the reserve; it comes back only where it fits
beside the whole of it. So a program whose memory wavers does not start and stop our engines. What
engines turn out to take beyond their promise may eat all of the reserve: that is no other program's
doing, and a measurement stops nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xinf.core.nodes import Device, DeviceProcess
from xinf.core.placement import Obstacle
from xinf.core.units import format_bytes
from xinf.scheduler.eviction import Resident, without_vain
from xinf.scheduler.keeping import Cause
from xinf.scheduler.table import Table
from xinf.scheduler.wishes import Wish

# So many of the programs that hold the most are named.
NAMED = 2


def give_way(table: Table, causes: dict[str, Cause]) -> list[Wish]:
    """Unseat idle replicas from devices on which others took too much; a busy one is left alone."""
    leaving: list[Wish] = []
    for number in range(len(table.devices)):
        lacking = -(table.free[number] + _tolerance(table, number))
        if lacking > 0:
            cause = Cause(blame(table, number, lacking), Obstacle.YIELDED)
            for resident in _leaving(table.on[number].values(), lacking):
                causes[resident.replica] = cause
                leaving.append(table.leave(resident.replica).wish)
    return leaving


def _tolerance(table: Table, number: int) -> int:
    """How far a device may be over-committed before anybody leaves."""
    reserve = table.accounts[number].reserve
    return min(reserve // 2 + max(_beyond(table, number), 0), reserve)


def _beyond(table: Table, number: int) -> int:
    """What the engines of a device hold more than they were promised."""
    return sum(
        resident.memory_bytes - table.seats[resident.replica].entry.memory_bytes
        for resident in table.on[number].values()
    )


def blame(table: Table, number: int, lacking: int) -> str:
    """Who took the memory of a device, the largest programs by name."""
    device, account = table.devices[number], table.accounts[number]
    beyond = _beyond(table, number)
    if beyond >= lacking:
        return (
            f"gave way on {device.id}, where models hold {format_bytes(beyond)} more than planned"
        )
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


def _leaving(residents: Iterable[Resident], lacking: int) -> list[Resident]:
    """The least important that are enough, the longest unused first; all idle ones if none are."""
    idle = [each for each in residents if each.memory_bytes > 0 and not each.is_busy]
    chosen: list[Resident] = []
    for resident in sorted(idle, key=_rank):
        if lacking > 0:
            chosen.append(resident)
            lacking -= resident.memory_bytes
    return list(without_vain(chosen, -lacking))


def _rank(resident: Resident) -> tuple[float | str, ...]:
    return (
        resident.is_pinned,
        resident.is_asked_for,
        resident.priority,
        -resident.idle_s,
        resident.replica,
    )
