"""Machines that are not here: kernel trees written as files, and what vendors' tools told.

Each kind of device has a folder, with a README that names where its recordings come from.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def write(path: Path, text: str | int) -> None:
    """A file of the kernel's, which ends with a line break as they do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def put_slot(
    sys: Path,
    address: str,
    vendor: str,
    class_code: str,
    *,
    device: str = "0x0001",
    driver: str = "",
    numa: int | None = None,
) -> Path:
    """A function on the PCI bus below `sys`; its folder."""
    folder = sys / "bus" / "pci" / "devices" / address
    write(folder / "vendor", vendor)
    write(folder / "device", device)
    write(folder / "class", class_code)
    if driver:
        driver_folder = sys / "bus" / "pci" / "drivers" / driver
        driver_folder.mkdir(parents=True, exist_ok=True)
        (folder / "driver").symlink_to(driver_folder)
    if numa is not None:
        write(folder / "numa_node", numa)
    return folder


def put_tool(folder: Path, name: str, script: str) -> Path:
    """A program that runs a shell script; found where `folder` is on PATH."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
