"""Huawei Ascend NPUs, through `npu-smi info`.

A device is a chip, for chips are what the runtime counts: a card with two of them is two devices,
each with memory of its own. `npu-smi` numbers cards as it likes (0, 32, 32768…) and chips within
each; the runtime counts all chips from 0 in that same order, in a container those that it was
given. The tables of its versions differ in columns and not in order: two rows for each chip, where
the second ends with one "used / total" pair for each kind of memory, the chip's own last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xinf.core.nodes import Device, DeviceProcess, Sighting, Vitals
from xinf.core.units import MIB
from xinf.device.tooled import Ask, Vendor, understood
from xinf.device.vendor_text import bus_address, cells

KIND = "npu"

# (pattern of the name, architecture), the first that fits. The first generation is "910A", "910B",
# "910ProB"…; of the second every name has a digit after the B; the third is told as "Ascend910".
_ARCHS = (
    (r"^310P", "ascend310p"),
    (r"^910B\d", "ascend910b"),
    (r"^(Ascend910|910_93\w*)$", "ascend910_93"),
    (r"^910", "ascend910"),
)
# What vLLM's plugin for Ascend computes in: 16 bits, and weights of 8 (W8A8).
_WITH_BF16 = ("float32", "float16", "bfloat16", "int8")
_DTYPES = {
    "ascend310p": ("float32", "float16", "int8"),
    "ascend910": ("float32", "float16", "int8"),
    "ascend910b": _WITH_BF16,
    "ascend910_93": _WITH_BF16,
}
_PAIR = re.compile(r"(\d{1,9})\s*/\s*(\d{1,9})")
_NUMBERED = re.compile(r"(\d{1,6})(?:\s+(\S+))?")
_NOBODY = re.compile(r"No running processes found in NPU (\d{1,6})")


@dataclass(frozen=True, slots=True)
class _Chip:
    """Two rows of the table, as cells; `card` and `chip` as npu-smi numbers them. `memory` is what
    is used and what there is of the chip's own, empty where that cannot be understood.
    """

    card: str
    chip: str
    above: Sequence[str]
    below: Sequence[str]
    memory: tuple[int, ...] = ()


def read(ask: Ask) -> Sighting:
    return parse(ask("info"))


def parse(text: str) -> Sighting:
    """The chips in what `npu-smi info` writes. Raises OSError when there is none."""
    rows = [row for row in map(cells, text.splitlines()) if row]
    version = re.search(r"Version:\s*(\S+)", text)
    kinds = text.count("-Usage(MB)")
    driver = version[1] if version else None
    entries = (
        (f"NPU {chip.card}", _device(chip, index, driver, rows))
        for index, chip in enumerate(_chips(rows, kinds))
    )
    return understood("npu-smi", "NPU", entries)


def _chips(rows: Sequence[Sequence[str]], kinds: int) -> Iterator[_Chip]:
    """Pairs of rows below the heading: a card's name and health, a chip's place and memory, of
    which there are so many kinds.
    """
    pending: tuple[str, Sequence[str]] | None = None
    for row in rows:
        if row[0].startswith("NPU") and len(row) > 1 and row[1] == "Process id":
            break
        number = _NUMBERED.fullmatch(row[0])
        if number is None or len(row) != 3:
            continue
        if bus_address(row[1]) is None:
            if pending is not None:
                yield _Chip(pending[0], "?", pending[1], ())
            pending = (number[1], row)
        elif pending is not None:
            yield _Chip(pending[0], number[1], pending[1], row, _memory(row[2], kinds))
            pending = None
    if pending is not None:
        yield _Chip(pending[0], "?", pending[1], ())


def _device(
    chip: _Chip, index: int, driver: str | None, rows: Sequence[Sequence[str]]
) -> Device | None:
    name = _NUMBERED.fullmatch(chip.above[0])
    if name is None or name[2] is None or not chip.memory:
        return None
    used, total = chip.memory
    bus = bus_address(chip.below[1])
    arch = next((arch for pattern, arch in _ARCHS if re.search(pattern, name[2])), None)
    processes = _processes(rows, chip)
    return Device(
        # Chips of one card may be told to sit at one address.
        uuid=f"NPU-{bus}" if chip.chip == "0" else f"NPU-{bus}-{chip.chip}",
        kind=KIND,
        index=index,
        name=f"Ascend {name[2].removeprefix('Ascend')}",
        memory_total=total,
        memory_used=min(used, total),
        processes=processes or (),
        driver=driver,
        arch=arch,
        dtypes=_DTYPES.get(arch or "", ()),
        bus_id=bus,
        hides_processes=processes is None,
        problem="" if chip.above[1] == "OK" else f"its health is {chip.above[1]}",
        vitals=_vitals(chip),
    )


def _memory(told: str, kinds: int) -> tuple[int, ...]:
    pairs = _PAIR.findall(told)
    if not pairs or len(pairs) != kinds or not int(pairs[-1][1]):
        return ()
    return tuple(int(amount) * MIB for amount in pairs[-1])


def _vitals(chip: _Chip) -> Vitals:
    """Power and temperature begin the upper row's last cell; how busy it is, the lower's."""
    power, temperature = (*map(_number, chip.above[2].split()[:2]), None, None)[:2]
    busy = _number(next(iter(chip.below[2].split()), ""))
    return Vitals(
        utilisation=None if busy is None else min(max(busy / 100, 0.0), 1.0),
        temperature=temperature,
        power=power,
    )


def _processes(rows: Sequence[Sequence[str]], chip: _Chip) -> tuple[DeviceProcess, ...] | None:
    """Who holds memory on the chip; None where the table of processes does not speak of its card.

    The later columns are PID, name and MiB; newer versions add the PID within its container.
    """
    found: list[DeviceProcess] = []
    is_told = False
    for row in rows:
        nobody = _NOBODY.fullmatch(row[0])
        owner = _NUMBERED.fullmatch(row[0])
        if nobody is not None:
            is_told |= nobody[1] == chip.card
        elif owner is not None and len(row) >= 4 and owner[1] == chip.card:
            is_told = True
            if owner[2] == chip.chip and row[1].isdigit() and row[3].isdigit():
                found.append(DeviceProcess(int(row[1]), row[2], int(row[3]) * MIB))
    return tuple(found) if is_told else None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text) else None


ASCEND = Vendor(
    kind=KIND,
    # Its servers have graphics of the same vendor (0x17xx) on the board.
    pci={"0x19e5": "0xd"},
    nodes="davinci[0-9]*",
    program="npu-smi",
    variable="ASCEND_RT_VISIBLE_DEVICES",
    read=read,
)
