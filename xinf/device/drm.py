"""Who holds memory of a graphics card, as the kernel tells it with each open file of the card.

The form is that of Linux's Documentation/gpu/drm-usage-stats: every driver's, and for each user of
the card one "client", which several open files may share. What others' processes have open is told
to root alone.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xinf.core.units import KIB, MIB
from xinf.device.sysfs import text

_UNITS = {"": 1, "KiB": KIB, "MiB": MIB}
# Memory on the card itself, as the drivers xe and i915 call it, and amdgpu's.
_OWN = re.compile(r"(resident|total)-(?:vram|local)\d*")
_SIZE = re.compile(r"(\d{1,20})(?: (KiB|MiB))?")


@dataclass(frozen=True, slots=True)
class Clients:
    """Bytes by process, by the card's address on the bus. `is_partial` = some processes may not be
    looked into, so that there may be more.
    """

    held: Mapping[str, Mapping[int, int]]
    is_partial: bool


@dataclass(slots=True)
class _Walk:
    """Clients are counted once: a file that is handed on belongs to the first who has it."""

    held: dict[str, Counter[int]] = field(default_factory=dict[str, Counter[int]])
    met: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    is_partial: bool = False


def clients(proc: Path) -> Clients:
    """One walk over all processes: some ten milliseconds for a hundred of them."""
    walk = _Walk()
    for pid in sorted(_processes(proc)):
        try:
            names = [entry.name for entry in os.scandir(proc / str(pid) / "fd") if _is_card(entry)]
        except PermissionError:
            walk.is_partial = True
            continue
        except OSError:  # it has ended
            continue
        for name in names:
            _count(walk, pid, text(proc / str(pid) / "fdinfo" / name))
    return Clients(walk.held, walk.is_partial)


def memory(fdinfo: str) -> int:
    """Bytes that a client has on the card: what is there now, or where a driver tells only that,
    what it has asked for.
    """
    found: dict[str, int] = Counter()
    for key, value in _facts(fdinfo):
        kind, size = _OWN.fullmatch(key), _SIZE.fullmatch(value)
        if kind and size:
            found[kind[1]] += int(size[1]) * _UNITS[size[2] or ""]
    return found.get("resident", found.get("total", 0))


def _count(walk: _Walk, pid: int, fdinfo: str) -> None:
    told = dict(_facts(fdinfo))
    card, client = told.get("pdev"), told.get("client-id")
    if card is None or client is None or (card, client) in walk.met:
        return
    walk.met.add((card, client))
    walk.held.setdefault(card, Counter())[pid] += memory(fdinfo)


def _facts(fdinfo: str) -> Iterator[tuple[str, str]]:
    for line in fdinfo.splitlines():
        key, _, value = line.partition(":")
        if key.startswith("drm-"):
            yield key.removeprefix("drm-"), value.strip()


def _processes(proc: Path) -> list[int]:
    try:
        return [int(name) for name in os.listdir(proc) if name.isdecimal()]
    except OSError:
        return []


def _is_card(entry: os.DirEntry[str]) -> bool:
    """Whether it is open on a graphics card; asking so of each is cheaper than reading of each."""
    try:
        return os.readlink(entry.path).startswith("/dev/dri/")
    except OSError:
        return False
