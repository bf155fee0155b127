"""The machine's main memory, as the kernel sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xinf.core.units import KIB


@dataclass(frozen=True, slots=True)
class MainMemory:
    """Bytes. `available` is what can be had without swapping, page cache included."""

    total: int
    available: int


def main_memory(proc: Path) -> MainMemory:
    """Raises OSError where the kernel does not tell."""
    found = _numbers(proc / "meminfo")
    if "MemTotal" not in found:
        raise OSError(f"{proc / 'meminfo'} does not tell MemTotal")
    total = found["MemTotal"]
    return MainMemory(total, min(total, found.get("MemAvailable", found.get("MemFree", total))))


def _numbers(path: Path) -> dict[str, int]:
    """Bytes by name."""
    found: dict[str, int] = {}
    for line in path.read_text().splitlines():
        name, _, rest = line.partition(":")
        number, _, unit = rest.strip().partition(" ")
        if number.isdecimal():
            found[name] = int(number) * (KIB if unit == "kB" else 1)
    return found
