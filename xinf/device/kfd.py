"""AMD's compute driver as the kernel shows it under /sys/class/kfd; Hygon's was made from it.

Each node of its topology is a processor, a GPU, or one partition of a GPU. Their meaning is that of
Linux's drivers/gpu/drm/amd/amdkfd/{kfd_topology,kfd_process}.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xinf.device.sysfs import as_number, number, text

# mem_banks: memory of the GPU itself, reachable by the processor or not; 0 is main memory.
_OWN_MEMORY = frozenset({1, 2})


@dataclass(frozen=True, slots=True)
class KfdGpu:
    """One GPU node. `address` is its place on the PCI bus as the driver tells it: partitions of one
    card differ in the function, which the bus does not have, or in `partition`. `unique_id` is 0
    where it has none; partitions share it. `arch` is what its code is compiled for ("gfx942").
    `memory_bytes` is 0 where the node does not tell.
    """

    gpu_id: int
    vendor: str
    address: str
    partition: int
    arch: str | None
    unique_id: int
    memory_bytes: int


def gpus(sys: Path) -> tuple[KfdGpu, ...]:
    """The GPUs that this process may use, in the order in which the runtime numbers them.

    Raises OSError where the compute driver is not loaded. Nodes that a control group forbids refuse
    to be read, by us as by the runtime.
    """
    folders = [each for each in _topology(sys).iterdir() if each.name.isdecimal()]
    found = (_gpu(folder) for folder in sorted(folders, key=lambda each: int(each.name)))
    return tuple(gpu for gpu in found if gpu is not None)


def held(sys: Path, gpu_id: int) -> Mapping[int, int] | None:
    """Bytes of its memory by process, of those that compute; None where they are not told."""
    try:
        folders = list((sys / "class" / "kfd" / "kfd" / "proc").iterdir())
    except OSError:
        return None
    memory = {int(each.name): each / f"vram_{gpu_id}" for each in folders if each.name.isdecimal()}
    told = {pid: number(file) for pid, file in memory.items()}
    return {pid: count for pid, count in sorted(told.items()) if count}


def gfx(version: int) -> str | None:
    """The name of an architecture: 90402 is gfx942, 90010 is gfx90a; None for 0, which is none."""
    major, minor, stepping = version // 10_000, version // 100 % 100, version % 100
    return f"gfx{major}{minor:x}{stepping:x}" if version > 0 else None


def _topology(sys: Path) -> Path:
    return sys / "class" / "kfd" / "kfd" / "topology" / "nodes"


def _gpu(folder: Path) -> KfdGpu | None:
    """None for a processor, and for a node that may not be read or is gone by now."""
    gpu_id = number(folder / "gpu_id")
    told = dict(_properties(folder / "properties"))
    if not gpu_id or "location_id" not in told:
        return None
    place = told["location_id"]
    bus, slot, function = place >> 8 & 0xFF, place >> 3 & 0x1F, place & 0x7
    return KfdGpu(
        gpu_id=gpu_id,
        vendor=f"0x{told.get('vendor_id', 0):04x}",
        address=f"{told.get('domain', 0):04x}:{bus:02x}:{slot:02x}.{function}",
        partition=place >> 28 & 0xF,
        arch=gfx(told.get("gfx_target_version", 0)),
        unique_id=told.get("unique_id", 0),
        memory_bytes=sum(_own_memory(folder / "mem_banks")),
    )


def _own_memory(banks: Path) -> Iterator[int]:
    with suppress(OSError):
        for bank in banks.iterdir():
            told = dict(_properties(bank / "properties"))
            if told.get("heap_type") in _OWN_MEMORY:
                yield told.get("size_in_bytes", 0)


def _properties(path: Path) -> Iterator[tuple[str, int]]:
    """Lines of a name and a number; others are passed over."""
    for line in text(path).splitlines():
        name, _, value = line.partition(" ")
        if (count := as_number(value.strip())) is not None:
            yield name, count
