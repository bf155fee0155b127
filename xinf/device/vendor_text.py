"""What vendors' tools write, taken apart: amounts with units, addresses on the bus, indented facts.

Everything here is strict where a cut-off answer could be taken for a whole one: "98304 MiB" is a
size, "983" is not. What does not have the expected form is None, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from xinf.core.units import MIB

_SIZE = re.compile(r"\s*(\d{1,12})\s*(?:MiB|MB)\s*")
_AMOUNT = re.compile(r"\s*(-?\d{1,9}(?:\.\d{1,6})?)\s*(?:W|%|'?C|°C|℃)\s*")
_BUS = re.compile(
    r"\s*(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])\s*", re.IGNORECASE
)


def size(text: str | None) -> int | None:
    """Bytes in "98304 MiB". The tools call 2**20 bytes MB as well as MiB."""
    match = _SIZE.fullmatch(text or "")
    return int(match[1]) * MIB if match else None


def amount(text: str | None) -> float | None:
    """The number in "96.66W", "35 ℃" or "12 %"."""
    match = _AMOUNT.fullmatch(text or "")
    return float(match[1]) if match else None


def share(text: str | None) -> float | None:
    """A percentage as a share from 0 to 1."""
    percent = amount(text) if text is not None and "%" in text else None
    return None if percent is None else min(max(percent / 100, 0.0), 1.0)


def bus_address(text: str | None) -> str | None:
    """An address on the PCI bus as the kernel writes it: "00000000:2A:00.0" is "0000:2a:00.0"."""
    match = _BUS.fullmatch(text or "")
    if match is None:
        return None
    domain, bus, device, function = match.groups(default="0")
    return f"{int(domain, 16):04x}:{int(bus, 16):02x}:{int(device, 16):02x}.{function}"


def facts(text: str) -> list[tuple[str, str]]:
    """`Key : value` lines in their order, each key with the less indented ones above it.

    "Memory Usage" with "Total : 1 MiB" below it is ("Memory Usage/Total", "1 MiB").
    """
    found: list[tuple[str, str]] = []
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if not key.strip():
            continue
        depth = len(line) - len(line.lstrip())
        while above and above[-1][0] >= depth:
            above.pop()
        above.append((depth, key.strip()))
        if value.strip():
            found.append(("/".join(name for _, name in above), value.strip()))
    return found


def blocks(text: str, heading: str) -> tuple[str, list[tuple[str, str]]]:
    """What stands before the first line that is a `heading`, and for each such line the group in
    it and what follows. `heading` is a pattern with one group.
    """
    before, *rest = re.split(rf"^{heading}[ \t]*$", text, flags=re.MULTILINE)
    return before, list(zip(rest[::2], rest[1::2], strict=True))


def cells(row: str) -> tuple[str, ...]:
    """The cells of a table's row: "| a | b |". None of them where it is no row, or not whole."""
    line = row.strip()
    if len(line) < 2 or not line.startswith("|") or not line.endswith("|"):
        return ()
    return tuple(cell.strip() for cell in line[1:-1].split("|"))


def first(of: Mapping[str, str], *names: str) -> str | None:
    """The value of the first name that is there: versions of a tool differ in their words."""
    return next((of[name] for name in names if name in of), None)
