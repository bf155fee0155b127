"""What a look at the devices says of our engines. Decides only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from xinf.core.nodes import Device, Sighting


def with_owners(seen: Sighting, owner_of: Callable[[int], str]) -> Sighting:
    """The same, with each process marked as the replica's that it belongs to."""
    return replace(seen, devices=tuple(_marked(device, owner_of) for device in seen.devices))


def _marked(device: Device, owner_of: Callable[[int], str]) -> Device:
    if not device.processes:
        return device
    processes = tuple(replace(each, owner=owner_of(each.pid)) for each in device.processes)
    return replace(device, processes=processes)


def held_by(replica: str, devices: Iterable[Device]) -> Mapping[str, int]:
    """What the processes of `replica` hold, by the device's UUID; without what holds nothing."""
    sums = {
        device.uuid: sum(each.memory_bytes for each in device.processes if each.owner == replica)
        for device in devices
    }
    return {uuid: size for uuid, size in sums.items() if size}


def loss(seen: Sighting, devices: Iterable[str], ids: Mapping[str, str]) -> str:
    """Which of `devices` (UUIDs) is lost, and what is known of it; empty if none is.

    `ids` are their names for people, from the time when they were there.
    """
    for uuid in devices:
        if uuid in seen.lost:
            name = f"{ids[uuid]} ({uuid})" if uuid in ids else f"device {uuid}"
            told = next((each for each in seen.problems if uuid in each), "")
            return f"{name} is lost: {told}" if told else f"{name} is lost"
    return ""
