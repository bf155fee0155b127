"""What sits on the PCI bus, from the kernel's own tree: no driver is asked, and none can hang."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

NVIDIA = "0x10de"
# Class codes begin with these: VGA, 3D and other display controllers; a card's sound is not one.
DISPLAY = "0x03"


def display_controllers(sys: Path, vendor: str) -> tuple[str, ...]:
    """Addresses of the graphics cards of `vendor` below `sys`, in order. Never raises."""
    return tuple(sorted(_found(sys / "bus" / "pci" / "devices", vendor)))


def _found(folder: Path, vendor: str) -> Iterator[str]:
    try:
        for slot in folder.iterdir():
            if _read(slot / "vendor") == vendor and _read(slot / "class").startswith(DISPLAY):
                yield slot.name
    except OSError:
        return


def _read(path: Path) -> str:
    try:
        return path.read_text().strip().lower()
    except OSError:
        return ""
