"""A machine with cards of one vendor, and that vendor's program as a script that tells what it is
given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.support.clock import VirtualClock
from tests.support.devices import HERE, put_slot, put_tool
from xinf.core.nodes import Sighting
from xinf.device.tooled import ToolBackend, Trees, Vendor

PROCESSING_CLASS = "0x120000"


def recording(name: str) -> str:
    """What a tool wrote, by kind and file: "npu/910b3.txt"."""
    return (HERE / name).read_text()


class Box:
    """`folder` holds the kernel's trees and, in bin, the program; bin must be on PATH."""

    def __init__(self, vendor: Vendor, folder: Path) -> None:
        self.vendor = vendor
        self.clock = VirtualClock()
        self.sys, self.dev, self.bin = folder / "sys", folder / "dev", folder / "bin"
        for each in (self.sys, self.dev, self.bin):
            each.mkdir()
        self.trees = Trees(self.sys, self.dev)
        self.backend = ToolBackend(vendor, self.clock.now, self.trees, limit_s=0.5)

    def slot(self, address: str, *, device: str | None = None, numa: int | None = None) -> None:
        """A card on the bus, with the first of the vendor's ids."""
        vendor, begin = next(iter(self.vendor.pci.items()))
        device = device or f"{begin or '0x'}802"
        put_slot(self.sys, address, vendor, PROCESSING_CLASS, device=device, numa=numa)

    def nodes(self, *names: str) -> None:
        for name in names:
            (self.dev / name).touch()

    def tells(self, answers: Mapping[str, str]) -> None:
        """The program writes the answer to its arguments (joined by spaces) and fails at others."""
        cases: list[str] = []
        for number, (arguments, answer) in enumerate(answers.items()):
            file = self.bin / f"answer-{number}"
            file.write_text(answer)
            cases.append(f'"{arguments}") cat "{file}" ;;')
        log = f'echo "asked $*" >> "{self.bin}/asked"'
        script = "\n".join([log, 'case "$*" in', *cases, "*) echo what? >&2; exit 3 ;;", "esac"])
        self.does(script)

    def does(self, script: str) -> None:
        put_tool(self.bin, self.vendor.program, script)

    def times_asked(self) -> int:
        asked = self.bin / "asked"
        return len(asked.read_text().splitlines()) if asked.exists() else 0

    def look(self) -> Sighting:
        return self.backend.look()
