"""The wish to end, as it reaches the daemon from a signal or from `xinf down`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StopSignal:
    """Two rungs, each set once and never taken back.

    `drain`: accept nothing new, finish what runs, then end. `hurry`: end now; implies `drain`.
    """

    drain: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, *, hurry: bool = False) -> None:
        """Ask to end, with `hurry` at once. Asking again changes nothing."""
        if hurry:
            self.hurry.set()
        self.drain.set()
