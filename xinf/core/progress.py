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


class Pace:
    """How fast steps go on, one told after the other; a new `what` begins anew."""

    def __init__(self) -> None:
        self._first: Step | None = None
        self._first_at = 0.0

    def eta_s(self, step: Step, now: float) -> float | None:
        """Seconds left at the mean pace since the first step of that name; None = unknown."""
        if self._first is None or self._first.what != step.what:
            self._first, self._first_at = step, now
        gained, elapsed_s = step.done - self._first.done, now - self._first_at
        if gained <= 0 or elapsed_s <= 0 or step.total <= 0:
            return None
        return max(step.total - step.done, 0.0) * elapsed_s / gained


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of one replica, with the seconds it will probably still take (None = unknown)."""

    replica: str
    model: str
    step: Step
    eta_s: float | None = None
