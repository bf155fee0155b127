"""One card as the kernel's amdgpu driver shows it, in the card's own folder on the PCI bus.

The names and units of the files are those of Linux's Documentation/gpu/amdgpu; nothing here asks
the card for more than a number, and one that is asleep is not woken for its memory.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xinf.core.nodes import Vitals
from xinf.device.sysfs import number, text


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: what is there, and what of it cannot be had any more."""

    total: int
    used: int

    @property
    def free(self) -> int:
        return self.total - self.used


def built_in(card: Path) -> Memory | None:
    """The memory on the card; None where the driver does not tell (any more)."""
    return _memory(card, "vram")


def shared(card: Path) -> Memory | None:
    """The part of main memory that it may use besides."""
    return _memory(card, "gtt")


def vitals(card: Path) -> Vitals:
    busy = number(card / "gpu_busy_percent")
    sensors = _sensors(card)
    if sensors is None:
        return Vitals(utilisation=_scaled(busy, 100))
    return Vitals(
        utilisation=_scaled(busy, 100),
        # The edge of the die; large accelerators have only the hottest point of it.
        temperature=_scaled(_first(sensors, "temp1_input", "temp2_input"), 1000),
        power=_scaled(_first(sensors, "power1_average", "power1_input"), 1_000_000),
        power_limit=_scaled(number(sensors / "power1_cap"), 1_000_000),
        power_limit_default=_scaled(number(sensors / "power1_cap_default"), 1_000_000),
    )


def product_name(card: Path) -> str:
    """What is written on the board; empty on most that are not for servers."""
    return text(card / "product_name")


def uncorrectable_errors(card: Path) -> int:
    """Of its memory, since the driver was loaded; 0 where it does not count them."""
    counts = re.search(r"^ue: (\d{1,18})$", text(card / "ras" / "umc_err_count"), re.MULTILINE)
    return int(counts[1]) if counts else 0


def _memory(card: Path, which: str) -> Memory | None:
    total, used = (number(card / f"mem_info_{which}_{part}") for part in ("total", "used"))
    if total is None or used is None:
        return None
    return Memory(total, min(used, total))


def _sensors(card: Path) -> Path | None:
    with suppress(OSError):
        return next(iter(sorted((card / "hwmon").iterdir())), None)
    return None


def _first(folder: Path, *names: str) -> int | None:
    told = (number(folder / name) for name in names)
    return next((each for each in told if each is not None), None)


def _scaled(count: int | None, unit: int) -> float | None:
    return None if count is None else count / unit
