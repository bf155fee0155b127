"""Whose turn it is on an accelerator, and whether its memory is free. Decides only.

An engine that starts measures what is free and takes its share; another one that starts or stops
beside it meanwhile would spoil that. So on one device a start is alone. A stop goes before the
starts that wait, for it frees what they wait for. Starts go in the order in which they came, except
that one whose memory is not there yet lets the others by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from xinf.core.nodes import Device, DeviceProcess, Sighting
from xinf.core.units import format_bytes

# The largest holders of a device that is too full; the rest would only make the sentence long.
HOLDERS_NAMED = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A start or a stop. `devices` are the UUIDs on which it must be alone: none on the CPU, where
    engines do not measure each other. `is_short` = when it last looked, its memory was not free.
    """

    replica: str
    devices: frozenset[str]
    is_stop: bool = False
    is_short: bool = False


def ahead_of(
    entry: Entry, earlier: Iterable[Entry], later: Iterable[Entry], at_work: Iterable[Entry]
) -> tuple[Entry, ...]:
    """Those that `entry` must let go first; nobody = it is its turn.

    `earlier` and `later` wait as it does, by when they came; `at_work` have had their turn.
    """
    if entry.is_stop:
        found = (each for each in at_work if not each.is_stop)
    else:
        stops = (each for each in later if each.is_stop)
        found = (*at_work, *(each for each in earlier if not each.is_short), *stops)
    return tuple(each for each in found if each.devices & entry.devices)


def waiting_words(ahead: Iterable[Entry], ids: Mapping[str, str], devices: Iterable[str]) -> str:
    """What an entry on `devices` waits for. `ids` are the devices' names for people, by UUID."""
    parts = (
        f"{each.replica} to {'stop' if each.is_stop else 'start'} on "
        + ", ".join(sorted(ids.get(uuid, uuid) for uuid in each.devices & set(devices)))
        for each in ahead
    )
    return f"waits for {' and '.join(dict.fromkeys(parts))}"


def shortage(seen: Sighting, devices: Iterable[str], need: int) -> str:
    """Why `need` bytes cannot be had on each of `devices` (UUIDs) now; empty if they can."""
    known = {device.uuid: device for device in seen.devices}
    return "; ".join(_shortages(known, devices, need))


def _shortages(known: Mapping[str, Device], devices: Iterable[str], need: int) -> Iterator[str]:
    for uuid in sorted(devices):
        device = known.get(uuid)
        if device is None:
            yield f"device {uuid} is not there"
            continue
        free = device.memory_total - device.memory_used
        if free < need:
            has = (
                f"{device.id} has {format_bytes(max(free, 0))} free of {format_bytes(need)} needed"
            )
            yield "; ".join((has, *_holders(device.processes)))


def _holders(processes: Iterable[DeviceProcess]) -> Iterator[str]:
    telling = [each for each in processes if each.memory_bytes]
    for each in sorted(telling, key=lambda each: (-each.memory_bytes, each.pid))[:HOLDERS_NAMED]:
        yield f"{each.owner or each.name} (pid {each.pid}) holds {format_bytes(each.memory_bytes)}"
