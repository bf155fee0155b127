"""What the last probe of peer-to-peer found, kept for plans to come.

A finding holds for the cards and the driver that it was made with, and for no others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from xinf.core.nodes import Device

WORKS, BROKEN, UNPROVEN = "works", "broken", "unproven"
_FILE = "peers.json"


@dataclass(frozen=True, slots=True)
class _Kept:
    driver: str
    uuids: tuple[str, ...]
    found: str


def keep(state_dir: Path, devices: Sequence[Device], found: str) -> None:
    """Remember that CUDA `devices` were found to be WORKS or BROKEN. Blocks; raises OSError."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = state_dir / f"{_FILE}.new-{os.getpid()}"
    aside.write_text(json.dumps(asdict(_kept(devices, found))))
    aside.replace(state_dir / _FILE)


def recall(state_dir: Path, devices: Sequence[Device]) -> str:
    """What is known of the CUDA devices among `devices`. Blocks; never raises."""
    try:
        told = json.loads((state_dir / _FILE).read_text())
        kept = _Kept(told["driver"], tuple(told["uuids"]), told["found"])
    except (OSError, ValueError, KeyError, TypeError):
        return UNPROVEN
    is_known = kept.found in {WORKS, BROKEN} and kept == _kept(devices, kept.found)
    return kept.found if is_known else UNPROVEN


def _kept(devices: Sequence[Device], found: str) -> _Kept:
    cards = [device for device in devices if device.kind == "cuda"]
    drivers = {device.driver or "" for device in cards}
    return _Kept(",".join(sorted(drivers)), tuple(sorted(card.uuid for card in cards)), found)
