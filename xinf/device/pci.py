"""What sits on the PCI bus, from the kernel's own tree: no driver is asked, and none can hang."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xinf.device.sysfs import number, text

NVIDIA, AMD, INTEL, HYGON = "0x10de", "0x1002", "0x8086", "0x1d94"
# Class codes begin with these: VGA, 3D and other display controllers; a card's sound is not one.
DISPLAY = "0x03"
# Accelerators that never had a display; also what processors call their small neural units.
PROCESSING = "0x12"


@dataclass(frozen=True, slots=True)
class Slot:
    """One function on the bus. `vendor`, `device`, `class_code` and `revision` are as the kernel
    writes them, like "0x1002", "0x744c", "0x030000" and "0xc8". `driver` is the kernel driver that
    holds it, empty where none does; `numa_node` None where the kernel does not tell.
    """

    address: str
    vendor: str
    device: str
    class_code: str
    driver: str
    numa_node: int | None
    revision: str = ""


def accelerators(
    sys: Path, vendor: str, classes: tuple[str, ...] = (DISPLAY, PROCESSING)
) -> tuple[Slot, ...]:
    """Graphics cards and accelerators of `vendor` below `sys`, in the order of the bus. Never
    raises.
    """
    folders = _folders(_bus(sys))
    found = (_slot(folder) for folder in folders if _read(folder / "vendor") == vendor)
    return tuple(slot for slot in found if slot.class_code.startswith(classes))


def display_controllers(sys: Path, vendor: str) -> tuple[str, ...]:
    """Addresses of the graphics cards of `vendor` below `sys`, in order. Never raises."""
    return tuple(slot.address for slot in accelerators(sys, vendor, (DISPLAY,)))


def folder(sys: Path, address: str) -> Path:
    """Where the kernel and the driver of this function put their files."""
    return _bus(sys) / address


def _bus(sys: Path) -> Path:
    return sys / "bus" / "pci" / "devices"


def _folders(devices: Path) -> Iterator[Path]:
    with suppress(OSError):
        # Addresses are written with leading zeros, so that their order is that of the bus.
        yield from sorted(devices.iterdir())


def _slot(folder: Path) -> Slot:
    return Slot(
        address=folder.name,
        vendor=_read(folder / "vendor"),
        device=_read(folder / "device"),
        class_code=_read(folder / "class"),
        driver=_driver(folder),
        numa_node=_numa_node(folder),
        revision=_read(folder / "revision"),
    )


def _driver(folder: Path) -> str:
    with suppress(OSError):
        return (folder / "driver").readlink().name
    return ""


def _numa_node(folder: Path) -> int | None:
    """None for -1 too, which a machine with one node tells."""
    return number(folder / "numa_node")


def _read(path: Path) -> str:
    return text(path).lower()
