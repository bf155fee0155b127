"""How far a long step is: told by whoever does it, shown to whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Step:
    """A moment of a long step. `done` and `total` share `unit`; total 0 = unknown."""

    what: str
    done: float = 0.0
    total: float = 0.0
    unit: str = "bytes"


# Told often; must return at once. Only ever called on the event loop's thread.
Report: TypeAlias = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of one replica, with the seconds it will probably still take (None = unknown)."""

    replica: str
    model: str
    step: Step
    eta_s: float | None = None
