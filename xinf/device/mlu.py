"""Cambricon MLUs, through `cnmon info`.

Its JSON form is written to a file in the current directory and not to standard output, so the text
is read: a block of indented facts for each card.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from xinf.core.nodes import Device, DeviceProcess, Sighting, Vitals
from xinf.device.tooled import Ask, Vendor, understood
from xinf.device.vendor_text import amount, blocks, bus_address, facts, first, share, size

KIND = "mlu"

# The architectures are those that Cambricon's compiler is told (mtp_372…).
_ARCHS = {"290": "mtp_290", "370": "mtp_372", "590": "mtp_592"}
# bfloat16 came with the MLU590.
_DTYPES = {
    "mtp_290": ("float32", "float16", "int8"),
    "mtp_372": ("float32", "float16", "int8"),
    "mtp_592": ("float32", "float16", "bfloat16", "int8"),
}
_PLACE = ("PCI/Domain ID", "PCI/Bus num", "PCI/Device", "PCI/Function")


def read(ask: Ask) -> Sighting:
    return parse(ask("info"))


def parse(text: str) -> Sighting:
    """The cards in what `cnmon info` writes. Raises OSError when there is none."""
    cards = enumerate(blocks(text, r"Card[ \t]+(\d{1,4})")[1])
    entries = ((f"card {card}", _device(index, body)) for index, (card, body) in cards)
    return understood("cnmon", "card", entries)


def _device(index: int, body: str) -> Device | None:
    told = facts(body)
    hides_processes = re.search(r"^\s*Processes\s*:", body, re.MULTILINE) is None
    of = dict(told)
    name = of.get("Product Name")
    total = size(of.get("Physical Memory Usage/Total"))
    used = size(of.get("Physical Memory Usage/Used"))
    if name is None or not total or used is None:
        return None
    bus = _bus(of)
    own = first(of, "UUID", "SN") or bus or str(index)
    model = re.match(r"MLU(\d{3})", name)
    arch = _ARCHS.get(model[1]) if model else None
    health = of.get("Health State/Device", "Good")
    return Device(
        uuid=f"MLU-{own}",
        kind=KIND,
        index=index,
        name=name,
        memory_total=total,
        memory_used=min(used, total),
        processes=_processes(told),
        driver=(of.get("Driver") or "").removeprefix("v") or None,
        arch=arch,
        dtypes=_DTYPES.get(arch or "", ()),
        bus_id=bus,
        hides_processes=hides_processes,
        problem="" if health == "Good" else f"its health is {health}",
        vitals=Vitals(
            utilisation=share(of.get("Utilization/MLU Average")),
            temperature=amount(first(of, "Temperature/Chip", "Temperature/Board")),
            power=amount(of.get("Power/Usage")),
            power_limit=amount(of.get("Power/Cap")),
        ),
    )


def _bus(of: Mapping[str, str]) -> str | None:
    domain, bus, device, function = (of.get(key, "?") for key in _PLACE)
    return bus_address(f"{domain}:{bus}:{device}.{function}")


def _processes(told: Sequence[tuple[str, str]]) -> tuple[DeviceProcess, ...]:
    """Each is a number, a command and its memory, in this order."""
    found: list[DeviceProcess] = []
    pid, name = 0, ""
    for key, value in told:
        if not key.startswith("Processes/"):
            continue
        fact = key.rpartition("/")[2]
        memory = size(value) if fact == "MLU Memory Usage" else None
        if fact == "PID":
            pid, name = int(value) if value.isdigit() else 0, ""
        elif fact == "cmdline":
            name = value.split()[0].rpartition("/")[2]
        elif memory is not None and pid:
            found.append(DeviceProcess(pid, name, memory))
    return tuple(found)


CAMBRICON = Vendor(
    kind=KIND,
    pci={"0xcabc": ""},
    nodes="cambricon_dev[0-9]*",
    program="cnmon",
    variable="MLU_VISIBLE_DEVICES",
    read=read,
)
