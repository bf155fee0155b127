"""Moore Threads GPUs, through `mthreads-gmi`: its JSON for the devices, its table for who uses
them. Where the table cannot be had, the processes count as hidden.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from xinf.core.nodes import Device, DeviceProcess, Sighting, Vitals
from xinf.device.tooled import Ask, Vendor, understood
from xinf.device.vendor_text import amount, bus_address, share, size

KIND = "musa"

# (models, architecture as torch_musa's own build scripts have it).
_ARCHS = (
    (r"S(30|50|70|80|3000)\b", "mp_21"),
    (r"S(90|4000)\b", "mp_22"),
    (r"S5000\b", "mp_31"),
)
# bfloat16 came with the second architecture, fp8 with the third.
_DTYPES = {
    "mp_21": ("float32", "float16", "int8"),
    "mp_22": ("float32", "float16", "bfloat16", "int8"),
    "mp_31": ("float32", "float16", "bfloat16", "int8", "fp8"),
}
_PROCESS = re.compile(r"(\d{1,4})\s+(\d{1,9})\s+(\S.*?)\s+(\d{1,9}MiB)\s*")

_Processes = dict[int, tuple[DeviceProcess, ...]]


def read(ask: Ask) -> Sighting:
    answer = ask("-q", "-j")
    try:
        table = ask()
    except OSError:
        table = ""
    return parse(answer, table)


def parse(answer: str, table: str = "") -> Sighting:
    """The cards in what `mthreads-gmi -q -j` writes. Raises OSError when there is none."""
    told = _object(answer)
    processes = parse_processes(table)
    driver = _text(told.get("Driver Version"))
    entries = (
        (f"GPU {index}", _device(index, _flat(card), driver, processes))
        for index, card in enumerate(_list(told.get("GPU")))
    )
    return understood("mthreads-gmi", "GPU", entries)


def parse_processes(table: str) -> _Processes | None:
    """Who uses which card; None where the text has no table of processes."""
    _, heading, rows = table.partition("Processes:")
    if not heading:
        return None
    found: _Processes = {}
    for match in filter(None, map(_PROCESS.fullmatch, rows.splitlines())):
        name = match[3].split()[0].rpartition("/")[2]
        one = DeviceProcess(int(match[2]), name, size(match[4]) or 0)
        found[int(match[1])] = (*found.get(int(match[1]), ()), one)
    return found


def _device(
    index: int, of: Mapping[str, str], driver: str | None, processes: _Processes | None
) -> Device | None:
    name = of.get("Product Name")
    total, used = size(of.get("FB Memory Usage/Total")), size(of.get("FB Memory Usage/Used"))
    if name is None or not total or used is None:
        return None
    bus = bus_address(of.get("PCI/Bus ID"))
    own = of.get("GPU UUID") or of.get("Serial Number") or bus or str(index)
    arch = next((arch for models, arch in _ARCHS if re.search(models, name)), None)
    return Device(
        uuid=f"MUSA-{own}",
        kind=KIND,
        index=index,
        name=name,
        memory_total=total,
        memory_used=min(used, total),
        processes=(processes or {}).get(index, ()),
        driver=driver,
        arch=arch,
        dtypes=_DTYPES.get(arch or "", ()),
        bus_id=bus,
        hides_processes=processes is None,
        vitals=Vitals(
            utilisation=share(of.get("Utilization/Gpu")),
            temperature=amount(of.get("Temperature/GPU Current Temp")),
            power=amount(of.get("Power Readings/Power Draw")),
            power_limit=amount(of.get("Power Readings/Current Power Limit")),
        ),
    )


def _object(answer: str) -> Mapping[str, Any]:
    try:
        told: object = json.loads(answer)
    except (ValueError, RecursionError):
        raise OSError("mthreads-gmi writes what is no JSON") from None
    if not isinstance(told, dict):
        raise OSError("mthreads-gmi writes JSON of another form")
    return cast("dict[str, Any]", told)


def _list(told: object) -> list[object]:
    return cast("list[object]", told) if isinstance(told, list) else []


def _flat(told: object, above: str = "") -> dict[str, str]:
    """Texts by their path: "PCI/Bus ID". Some of the tool's keys end with a space."""
    found: dict[str, str] = {}
    if not isinstance(told, dict):
        return found
    for key, value in cast("dict[str, object]", told).items():
        path = f"{above}{key.strip()}"
        found |= {path: value} if isinstance(value, str) else _flat(value, f"{path}/")
    return found


def _text(told: object) -> str | None:
    return told if isinstance(told, str) else None


MOORE_THREADS = Vendor(
    kind=KIND,
    pci={"0x1ed5": ""},
    nodes="mtgpu.[0-9]*",
    program="mthreads-gmi",
    variable="MUSA_VISIBLE_DEVICES",
    read=read,
)
