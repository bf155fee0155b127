"""What a running xinf is told, by a signal or by a command."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Signals:
    """The wish to end has two rungs, each set once and never taken back.

    `drain`: accept nothing new, finish what runs, then end. `hurry`: end now; implies `drain`.
    `again`: start anew once it has ended. `reread`: look at the config file now.
    """

    drain: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    again: asyncio.Event = field(default_factory=asyncio.Event)
    reread: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, *, hurry: bool = False) -> None:
        """Ask to end, with `hurry` at once; for good, also if it was to start again."""
        self.again.clear()
        self._end(hurry)

    def restart(self, *, hurry: bool = False) -> None:
        """Ask to end and to start again. Who is asked to end for good already, only ends."""
        if not self.drain.is_set():
            self.again.set()
        self._end(hurry)

    def _end(self, hurry: bool) -> None:
        if hurry:
            self.hurry.set()
        self.drain.set()
