"""Kunlunxin XPUs, through their `xpu-smi`: `-q` for the devices, its table for who uses them.

Intel has another program of the same name. It is never run for these: the bus and the nodes decide
whether there is one of Kunlunxin's, and an answer in Intel's form is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from xinf.core.nodes import Device, DeviceProcess, Sighting, Vitals
from xinf.device.tooled import Ask, Vendor, understood
from xinf.device.vendor_text import amount, blocks, bus_address, cells, facts, share, size

KIND = "kunlun"

# By the architecture that the tool tells. bfloat16 came with the third.
_DTYPES = {
    "KL1": ("float32", "float16", "int8"),
    "KL2": ("float32", "float16", "int8"),
    "KL3": ("float32", "float16", "bfloat16", "int8"),
}
_CARD = r"XPU[ \t]+([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])"
# Index, two ids of parts of a card, PID, type, name and memory, as in the tool's heading.
_PROCESS = re.compile(r"(\d{1,4})\s+\S+\s+\S+\s+(\d{1,9})\s+\S+\s+(\S.*?)\s+(\d{1,9}MiB)")

_Processes = dict[int, tuple[DeviceProcess, ...]]


def read(ask: Ask) -> Sighting:
    answer = ask("-q")
    try:
        table = ask()
    except OSError:
        table = ""
    return parse(answer, table)


def parse(answer: str, table: str = "") -> Sighting:
    """The cards in what `xpu-smi -q` writes. Raises OSError when there is none."""
    head, cards = blocks(answer, _CARD)
    driver = dict(facts(head)).get("Driver Version")
    processes = parse_processes(table)
    entries = (
        (place, _device(index, place, dict(facts(body)), driver, processes))
        for index, (place, body) in enumerate(cards)
    )
    return understood("xpu-smi", "card of Kunlunxin's", entries)


def parse_processes(table: str) -> _Processes | None:
    """Who uses which card; None where the text has no table of processes."""
    _, heading, rows = table.partition("Processes:")
    if not heading:
        return None
    found: _Processes = {}
    for row in map(cells, rows.splitlines()):
        match = _PROCESS.fullmatch(row[0]) if len(row) == 1 else None
        if match is not None:
            name = match[3].split()[0].rpartition("/")[2]
            one = DeviceProcess(int(match[2]), name, size(match[4]) or 0)
            found[int(match[1])] = (*found.get(int(match[1]), ()), one)
    return found


def _device(
    index: int, place: str, of: Mapping[str, str], driver: str | None, processes: _Processes | None
) -> Device | None:
    name = of.get("Product Name")
    total, used = size(of.get("Memory Usage/Total")), size(of.get("Memory Usage/Used"))
    if name is None or not total or used is None:
        return None
    free = size(of.get("Memory Usage/Free"))
    bus = bus_address(place)
    arch = of.get("Product Architecture")
    return Device(
        uuid=of.get("XPU UUID") or f"XPU-{of.get('Serial Number') or bus}",
        kind=KIND,
        index=index,
        name=f"Kunlunxin {name}",
        memory_total=total,
        # Reserved memory cannot be had either.
        memory_used=min(used if free is None else max(used, total - free), total),
        processes=(processes or {}).get(index, ()),
        driver=driver,
        arch=arch,
        dtypes=_DTYPES.get(arch or "", ()),
        bus_id=bus,
        hides_processes=processes is None,
        problem=_problem(of.get("ECC Errors/Volatile/DRAM Uncorrectable", "0")),
        vitals=Vitals(
            utilisation=share(of.get("Utilization/Xpu")),
            temperature=amount(of.get("Temperature/XPU Current Temp")),
            power=amount(of.get("Power Readings/Power Draw")),
            power_limit=amount(of.get("Power Readings/Enforced Power Limit")),
        ),
    )


def _problem(errors: str) -> str:
    broken = errors.isdecimal() and int(errors) > 0
    return f"{errors} memory errors that could not be corrected" if broken else ""


KUNLUNXIN = Vendor(
    kind=KIND,
    # The first two generations are Baidu's. Of 0x2057, which is not in the public list of ids, only
    # what is numbered like them counts (a P800 is 0x3686).
    pci={"0x1d22": "", "0x2057": "0x368"},
    nodes="xpu[0-9]*",
    program="xpu-smi",
    variable="XPU_VISIBLE_DEVICES",
    read=read,
)
