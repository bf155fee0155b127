"""Which part of the main memory is near to what, from the kernel's own tree. Never raises."""

from __future__ import annotations

from pathlib import Path


def node_of(sys: Path, address: str) -> int | None:
    """The NUMA node that a PCI device like "0000:01:00.0" is attached to; None where the kernel
    does not say, which it writes as -1.
    """
    told = _read(sys / "bus" / "pci" / "devices" / address / "numa_node")
    return int(told) if told.isdecimal() else None


def nodes(sys: Path) -> tuple[int, ...]:
    """The nodes that have memory; none where the kernel knows of no such thing."""
    return numbers(_read(sys / "devices" / "system" / "node" / "has_memory"))


def numbers(ranges: str) -> tuple[int, ...]:
    """(0, 1, 4) for the kernel's "0-1,4"; what is no range is left out."""
    found: set[int] = set()
    for each in ranges.split(","):
        first, _, last = each.strip().partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
