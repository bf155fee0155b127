"""What cards are called, from lists that distributions ship: their numbers alone say little.

`amdgpu.ids` comes with libdrm and has AMD's names by device and revision; `pci.ids` is the one of
the PCI utilities and has chips with the boards they are on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xinf.device.pci import AMD

LISTS = (
    Path("/usr/share/libdrm/amdgpu.ids"),
    Path("/usr/share/misc/pci.ids"),
    Path("/usr/share/hwdata/pci.ids"),
)


class PciNames:
    """Remembers what it found: the lists are long. Used by one thread."""

    def __init__(self, lists: tuple[Path, ...] = LISTS) -> None:
        self._lists = lists
        self._known: dict[tuple[str, str, str], str] = {}

    def of(self, vendor: str, device: str, revision: str = "") -> str:
        """The name of a card by the kernel's numbers, like "0x1002"; empty where no list has it."""
        card = (vendor, device, revision)
        if card not in self._known:
            self._known[card] = next(self._found(card), "")
        return self._known[card]

    def _found(self, card: tuple[str, str, str]) -> Iterator[str]:
        vendor, device, revision = (number.removeprefix("0x").lower() for number in card)
        for path in self._lists:
            lines = _lines(path)
            if path.name != "amdgpu.ids":
                yield from _in_pci_ids(lines, vendor, device)
            elif card[0] == AMD:
                yield from _in_amdgpu_ids(lines, device, revision)


def _in_amdgpu_ids(lines: Iterator[str], device: str, revision: str) -> Iterator[str]:
    """Lines like "744C, C8, AMD Radeon RX 7900 XTX", with tabs."""
    for line in lines:
        parts = [part.strip() for part in line.split(",", 2)]
        if len(parts) == 3 and [part.lower() for part in parts[:2]] == [device, revision]:
            yield parts[2]


def _in_pci_ids(lines: Iterator[str], vendor: str, device: str) -> Iterator[str]:
    """A vendor's line begins with its number, those of its devices with one tab."""
    is_vendor = False
    for line in lines:
        if line[:1] not in {"\t", "#", ""}:
            is_vendor = line.startswith(f"{vendor} ")
        elif is_vendor and line.startswith(f"\t{device} "):
            yield line[len(device) + 1 :].strip()


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError:
        return
