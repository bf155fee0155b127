"""The event log: whoever has something to tell tells it and goes on; it is written in batches.

Telling costs a list's append and never waits. Everything is bounded: how much waits to be written,
how long a message is, and how fast one process may tell, so that a fault that repeats itself cannot
push out of the table what happened before. What is left out is counted, and that is an event too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.core.events import Event, Severity
from xinf.meta.events import EventTable

log = logging.getLogger("xinf.events")

Tell: TypeAlias = Callable[[Event], None]

# A burst is a fifth of what is kept: 300 models that start at once. Afterwards one a second would
# still turn the table over in three hours, so much is the most that may be the rule.
BURST = 2_000
RATE_PER_S = 1.0
# The last words of an engine are in its log; here it is their beginning that counts.
MESSAGE_CHARS_MAX = 1_000
# How long events wait for company: a start's first steps become one write.
GATHER_S = 0.1


def drop(event: Event) -> None:
    """For whoever is built without anybody who listens."""


class EventLog:
    """The events of this process on their way into the table. `run` needs to run."""

    def __init__(self, table: EventTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._waiting: list[Event] = []
        self._told = asyncio.Event()
        self._allowed = float(BURST)
        self._allowed_at = clock.now()
        self._left_out = 0

    def tell(self, event: Event) -> None:
        """Have `event` written soon. Never waits and never fails."""
        if self._may_tell():
            self._waiting.append(_bounded(event))
        else:
            self._left_out += 1
        self._told.set()

    async def run(self) -> None:
        """Write what is told, until cancelled. Trouble with the store is logged, not raised."""
        while True:
            await self._told.wait()
            await self._clock.sleep(GATHER_S)
            await self.flush()

    async def flush(self) -> None:
        """Write all that was told so far; what cannot be written is given up."""
        self._told.clear()
        batch, self._waiting = self._waiting, []
        if self._left_out and self._may_tell():
            batch.append(self._omission())
        if not batch:
            return
        try:
            await self._table.append_events(batch)
        except asyncio.CancelledError:
            self._waiting[:0] = batch  # rather told twice than never
            raise
        except XinfError as error:
            log.warning("%d events could not be written: %s", len(batch), error)

    def _may_tell(self) -> bool:
        """Take one from what is allowed, which fills up with time."""
        now = self._clock.now()
        gained = (now - self._allowed_at) * RATE_PER_S
        self._allowed, self._allowed_at = min(BURST, self._allowed + gained), now
        if self._allowed < 1:
            return False
        self._allowed -= 1
        return True

    def _omission(self) -> Event:
        count, self._left_out = self._left_out, 0
        message = f"{count} events were left out: too many happened in a short time"
        return Event(self._clock.wall(), "events.omitted", "xinf", message, "", Severity.WARNING)


def _bounded(event: Event) -> Event:
    if len(event.message) <= MESSAGE_CHARS_MAX:
        return event
    return replace(event, message=f"{event.message[:MESSAGE_CHARS_MAX]} ...")
