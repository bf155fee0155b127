"""Enflame GCUs, through `efsmi -q`. It does not tell which processes use a device."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xinf.core.nodes import Device, Sighting, Vitals
from xinf.device.tooled import Ask, Vendor, understood
from xinf.device.vendor_text import amount, blocks, bus_address, facts, first, share, size

KIND = "gcu"

# The generations, as Enflame's Triton backend names them.
_ARCHS = {"T20": "gcu200", "S60": "gcu300", "L300": "gcu400", "L600": "gcu400"}
# vLLM's plugin for GCU: 16 bits, weights and cache of 8; fp8 not.
_DTYPES = ("float32", "float16", "bfloat16", "int8")
_PLACE = ("PCIe Info/Domain", "PCIe Info/Bus", "PCIe Info/Dev", "PCIe Info/Func")


def read(ask: Ask) -> Sighting:
    return parse(ask("-q"))


def parse(text: str) -> Sighting:
    """The devices in what `efsmi -q` writes. Raises OSError when there is none."""
    listed = enumerate(blocks(text, r"DEV ID[ \t]+(\d{1,4})")[1])
    entries = ((f"device {no}", _device(index, dict(facts(body)))) for index, (no, body) in listed)
    return understood("efsmi", "device", entries)


def _device(index: int, of: Mapping[str, str]) -> Device | None:
    name = of.get("Device Info/Dev Name")
    memory = _memory(of)
    if name is None or memory is None:
        return None
    domain, bus, device, function = (of.get(key, "?") for key in _PLACE)
    place = bus_address(f"{domain}:{bus}:{device}.{function}")
    own = first(of, "Device Info/Dev UUID", "Device Info/Dev SN") or place or str(index)
    arch = next((arch for model, arch in _ARCHS.items() if re.search(rf"\b{model}", name)), None)
    return Device(
        uuid=f"GCU-{own}",
        kind=KIND,
        index=index,
        name=f"Enflame {name.removeprefix('Enflame ')}",
        memory_total=memory[0],
        memory_used=memory[1],
        driver=of.get("Driver Info/Ver"),
        arch=arch,
        dtypes=_DTYPES if arch else (),
        bus_id=place,
        hides_processes=True,
        problem=_problem(of),
        vitals=Vitals(
            utilisation=share(of.get("Device Usage Info/GCU Usage")),
            temperature=amount(of.get("Temperature Info/GCU Temp")),
            power=amount(of.get("Power Info/Cur Power")),
            power_limit=amount(of.get("Power Info/Power Capa")),
        ),
    )


def _memory(of: Mapping[str, str]) -> tuple[int, int] | None:
    """Total, and what cannot be had: used by somebody or reserved. Older drivers tell no reserve
    and have other words.
    """
    total = size(first(of, "Device Mem Info/Total Size", "Device Mem Info/Mem Size"))
    used = size(first(of, "Device Mem Info/Used Size", "Device Mem Info/Mem Usage"))
    free = size(of.get("Device Mem Info/Free Size"))
    if not total or used is None:
        return None
    taken = used if free is None else max(used, total - free)
    return total, min(taken, total)


def _problem(of: Mapping[str, str]) -> str:
    if of.get("Device Info/Health", "True") != "True":
        return "efsmi says that it is not healthy"
    return "its memory must be repaired (RMA)" if of.get("RMA Info/Flags") == "True" else ""


ENFLAME = Vendor(
    kind=KIND,
    pci={"0x1e36": ""},
    nodes="gcu[0-9]*",
    program="efsmi",
    variable="TOPS_VISIBLE_DEVICES",
    read=read,
)
