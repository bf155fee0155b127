"""The journal is kept short while the store is in use, by whoever runs `keep_short`.

What is too old is first declared forgotten, all at once: from then on a watcher that is further
behind is told so (`Compacted`) and lists again. Its rows are removed slice by slice, with rests in
between, for while one process writes no other can.
"""

from __future__ import annotations

import logging
from typing import Protocol

from xinf.core.clock import Clock
from xinf.core.errors import XinfError

log = logging.getLogger("xinf.store")

# About 5 MB at 500 bytes a change, and some hours of an ordinary day.
REVISIONS_KEPT = 10_000

# At 1,000 writes a second the journal doubles in between.
INTERVAL_S = 10.0

# A writer in another process that finds the store locked tries again after 1 ms, then 2, then 5.
REST_S = 0.005


class Journal(Protocol):
    async def keep_revisions(self, count: int) -> None:
        """Declare all but the last `count` revisions forgotten."""
        ...

    async def sweep(self) -> bool:
        """Remove a little of what is forgotten; whether there may be more."""
        ...


async def keep_short(journal: Journal, clock: Clock, *, revisions: int = REVISIONS_KEPT) -> None:
    """Until cancelled. Trouble with the store is logged, and tried again."""
    while True:
        try:
            await shorten(journal, clock, revisions=revisions)
        except XinfError as error:
            log.warning("the journal could not be shortened: %s", error)
        await clock.sleep(INTERVAL_S)


async def shorten(journal: Journal, clock: Clock, *, revisions: int) -> None:
    """Once. Raises XinfError."""
    await journal.keep_revisions(revisions)
    while await journal.sweep():
        await clock.sleep(REST_S)
