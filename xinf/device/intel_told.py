"""What Level Zero, or Intel's xpu-smi in its stead, tells of Intel's GPUs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from xinf.device import level_zero
from xinf.device.tool import Tool


@dataclass(frozen=True, slots=True)
class Told:
    """By address on the PCI bus. `sizes` and `used` are bytes of memory; `numbers` is by which a
    device goes where devices are in the order of the bus, empty where that is not known.
    """

    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    used: Mapping[str, int] = field(default_factory=dict[str, int])
    numbers: Mapping[str, int] = field(default_factory=dict[str, int])


class Source:
    """Both, each in a process of its own. Used by one thread."""

    def __init__(self) -> None:
        self._library = Tool(sys.executable, title="Level Zero")
        self._xpu_smi = Tool("xpu-smi")

    def ask(self) -> Told:
        """Blocks, for a bounded time. Raises OSError with what both say when neither answers."""
        try:
            return from_level_zero(self._library.ask("-I", level_zero.__file__))
        except OSError as error:
            first = error
        try:
            return from_xpu_smi(self._xpu_smi)
        except OSError as error:
            raise OSError(f"{first}; {error}") from None


def from_level_zero(answer: str) -> Told:
    """Raises OSError where the answer is none."""
    drivers = [_records(driver) for driver in _list(answer)]
    devices = [device for driver in drivers for device in driver]
    sizes = {d["address"]: size for d in devices if (size := _count(d.get("size")))}
    free = {d["address"]: _count(d.get("free")) for d in devices}
    return Told(
        sizes,
        {each: size - min(free[each] or 0, size) for each, size in sizes.items()},
        # The mask counts within each driver: an old graphics unit may have another one.
        {
            address: number
            for driver in drivers
            for number, address in enumerate(sorted(each["address"] for each in driver))
        },
    )


def from_xpu_smi(xpu_smi: Tool) -> Told:
    """It lists devices, and tells the memory of one at a time. Raises OSError."""
    listed = _object(xpu_smi.ask("discovery", "-j")).get("device_list")
    numbers = [each.get("device_id") for each in _objects(listed)]
    details = [_object(xpu_smi.ask("discovery", "-d", str(number), "-j")) for number in numbers]
    sizes = (
        (d.get("pci_bdf_address"), _count(d.get("memory_physical_size_byte"))) for d in details
    )
    return Told({str(address).lower(): size for address, size in sizes if address and size})


def _list(answer: str) -> Sequence[object]:
    told = _json(answer)
    if not isinstance(told, list):
        raise OSError("Level Zero tells what is no list of drivers")
    return cast("list[object]", told)


def _records(driver: object) -> list[dict[str, Any]]:
    return [each for each in _objects(driver) if isinstance(each.get("address"), str)]


def _object(answer: str) -> dict[str, Any]:
    told = _json(answer)
    if not isinstance(told, dict):
        raise OSError("xpu-smi tells what is no description of a device")
    return cast("dict[str, Any]", told)


def _objects(told: object) -> Iterator[dict[str, Any]]:
    for each in cast("list[object]", told) if isinstance(told, list) else ():
        if isinstance(each, dict):
            yield cast("dict[str, Any]", each)


def _json(answer: str) -> object:
    try:
        return json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise OSError(f"what is told of Intel's GPUs is no JSON: {error}") from error


def _count(told: object) -> int | None:
    """Some versions write numbers as text. None for what is no number of bytes."""
    text = str(told)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else None
