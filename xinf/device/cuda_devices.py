"""From a card as NVML tells of it to devices that engines are placed on: itself, or its slices."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xinf.core.nodes import Device, Vitals
from xinf.device.cuda_capability import architecture, dtypes
from xinf.device.meminfo import MainMemory
from xinf.device.mig import Slice
from xinf.device.nvml_card import Card
from xinf.device.nvml_processes import are_hidden

KIND = "cuda"


@dataclass(frozen=True, slots=True)
class Host:
    """What holds for all cards of one look."""

    driver: str
    driver_api: str | None
    memory: MainMemory


def devices_of(card: Card, host: Host, numa_node: int | None) -> tuple[Device, ...]:
    """In the order of their places on the card, numbered from 0 there. A card in MIG mode cannot be
    used as a whole: without slices it is no device at all.
    """
    whole = _whole(card, host, numa_node)
    if card.slices is None:
        return (whole,)
    return tuple(_part(each, whole, card) for each in card.slices)


def address(bus_id: str) -> str | None:
    """As the kernel writes it, "0000:01:00.0", from NVML's "00000000:01:00.0"."""
    domain, _, rest = bus_id.partition(":")
    return f"{int(domain, 16):04x}:{rest}" if rest else None


def _whole(card: Card, host: Host, numa_node: int | None) -> Device:
    total, used, by_processes = _memory(card, host)
    return Device(
        uuid=card.uuid,
        kind=KIND,
        index=0,
        name=card.name,
        memory_total=total,
        memory_used=used,
        compute_capability=card.compute_capability,
        processes=card.processes or (),
        driver=host.driver,
        driver_api=host.driver_api,
        arch=architecture(card.compute_capability),
        dtypes=dtypes(card.compute_capability),
        bus_id=address(card.bus_id),
        numa_node=numa_node,
        hides_processes=are_hidden(card.processes, by_processes),
        is_unified=card.memory is None,
        has_display=card.has_display,
        has_persistence=card.has_persistence,
        problem=card.problem,
        vitals=card.vitals,
    )


def _memory(card: Card, host: Host) -> tuple[int, int, int]:
    """Bytes in all, those that cannot be had, and how many of these processes must hold."""
    if card.memory is None:
        # Held by whatever runs on the machine, of which the driver lists what uses the GPU only.
        used = host.memory.total - host.memory.available
        return host.memory.total, used, used
    # What the driver keeps for itself cannot be had either.
    used = card.memory.total - card.memory.free
    reserved = used if card.memory.reserved is None else card.memory.reserved
    return card.memory.total, used, used - reserved


def _part(part: Slice, whole: Device, card: Card) -> Device:
    return replace(
        whole,
        uuid=part.uuid,
        index=part.index,
        name=part.name,
        memory_total=part.memory_total,
        memory_used=part.memory_used,
        processes=part.processes or (),
        hides_processes=are_hidden(part.processes, part.memory_used),
        is_unified=False,
        parent=card.uuid,
        # The rest is told of the card as a whole, and would be counted once for each slice.
        vitals=Vitals(temperature=card.vitals.temperature),
    )
