"""A machine with Intel's cards, as files and as an imitated Level Zero; see README.md."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.devices import put_slot, write
from xinf.device.xpu import Trees

HERE = Path(__file__).parent
SONAME = "libze_loader.so.1"
MIB = 1024**2
DISCOVERY, DETAIL = (HERE / "discovery.json").read_text(), (HERE / "detail.json").read_text()
FDINFO_XE, FDINFO_I915 = (HERE / "fdinfo-xe").read_text(), (HERE / "fdinfo-i915").read_text()


@dataclass(frozen=True)
class Card:
    address: str
    device: str
    driver: str
    total: int = 0  # bytes, as the driver tells them; i915 does not

    @property
    def uuid(self) -> str:
        return f"PCI-{self.address}"


B70 = Card("0000:03:00.0", "0xe223", "xe", 34_282_209_280)
SECOND_B70 = Card("0000:83:00.0", "0xe223", "xe", 34_282_209_280)
A770 = Card("0000:04:00.0", "0x56a0", "i915")
GRAPHICS_UNIT = Card("0000:00:02.0", "0xa780", "i915")


class IntelMachine:
    """The kernel's trees below `root`, and a folder with the library and the tools that it has."""

    def __init__(self, root: Path, *cards: Card) -> None:
        self.sys, self.proc, self.programs = root / "sys", root / "proc", root / "programs"
        self.scenario = root / "scenario"
        self.programs.mkdir()
        write(self.proc / "sys" / "kernel" / "osrelease", "6.17.0-23-generic")
        self.tell()
        for card in cards:
            self.put(card)

    @property
    def trees(self) -> Trees:
        return Trees(self.sys, self.proc, names=())

    def folder(self, card: Card) -> Path:
        return self.sys / "bus" / "pci" / "devices" / card.address

    def put(self, card: Card) -> None:
        put_slot(
            self.sys, card.address, "0x8086", "0x030000", device=card.device, driver=card.driver
        )
        if card.total:
            write(self.folder(card) / "tile0" / "physical_vram_size_bytes", card.total)

    def sensors(self, card: Card, **told: int) -> None:
        for name, value in told.items():
            write(self.folder(card) / "hwmon" / "hwmon5" / name, value)

    def idle(self, card: Card, milliseconds: int) -> None:
        gtidle = self.folder(card) / "tile0" / "gt0" / "gtidle"
        write(gtidle / "idle_residency_ms", milliseconds)

    def opened(self, pid: int, name: str, *fdinfos: str) -> None:
        """A process with the card open, once for each text that the kernel has of that."""
        write(self.proc / str(pid) / "comm", name)
        for number, fdinfo in enumerate(fdinfos, 3):
            descriptor = self.proc / str(pid) / "fd" / str(number)
            descriptor.parent.mkdir(exist_ok=True)
            descriptor.symlink_to("/dev/dri/renderD128")
            write(self.proc / str(pid) / "fdinfo" / str(number), fdinfo)

    def tell(self, *lines: str) -> None:
        """What Level Zero says from now on; see ze_loader.c."""
        write(self.scenario, "\n".join(lines))

    def install(self, monkeypatch: pytest.MonkeyPatch, *, library: bool = True) -> None:
        """Put the programs first on PATH, and the library where loaders look, or a broken one: this
        machine may have a real one.
        """
        monkeypatch.setenv("PATH", str(self.programs), prepend=":")
        monkeypatch.setenv("LD_LIBRARY_PATH", str(self.programs))
        monkeypatch.setenv("ZE_SCENARIO", str(self.scenario))
        (self.programs / SONAME).write_bytes(b"")
        if library:
            gcc = shutil.which("gcc")
            if gcc is None:
                pytest.skip("gcc is not there, which the imitated Level Zero is compiled with")
            (self.programs / SONAME).write_bytes(_compiled(gcc))


@functools.cache
def _compiled(gcc: str) -> bytes:
    """The library; once for all tests of a process."""
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{SONAME}"]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, SONAME)
        command = [gcc, *flags, "-o", str(target), str(HERE / "ze_loader.c")]
        subprocess.run(command, check=True, timeout=60)
        return target.read_bytes()
