"""Leases: a promise to still be alive, in a world where no two clocks agree.

No time is ever written down. A holder moves a counter again and again; whoever watches judges by
its own clock how long the counter has stood still.

    holder    may act until `ttl - margin` after it *began* its last renewal that succeeded
    observer  may take over `ttl` after it *had seen* the counter move last, and only if it has
              still not moved at the very moment of taking (compare and swap)

A renewal begins before it can be seen, so on clocks of one speed the holder stops `margin` before
anyone may follow. On clocks that differ in speed it still stops in time as long as, with each at
most a share s off the true speed, margin >= ttl * 2s / (1 + s): for a quarter, that is 14 %.

A holder that sleeps between asking `is_held` and acting can be late by any amount; what it does
then is told apart by its `epoch`, which grows with every taking.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.meta.store import LeaseState, LeaseTable

log = logging.getLogger("xinf.leases")

# Letting go is a courtesy to the next one, who would otherwise wait for `ttl`.
RELEASE_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Terms:
    """All in seconds. `renew_s` leaves room for some renewals that fail or are slow."""

    ttl_s: float = 10.0
    margin_s: float = 2.5
    renew_s: float = 2.5

    def __post_init__(self) -> None:
        assert self.renew_s + self.margin_s < self.ttl_s, "it would be lost between two renewals"


class Observer:
    """How long a lease has stood still, as far as one can see from here."""

    def __init__(self) -> None:
        self._seen: LeaseState | None = None
        self._since: float | None = None

    def still_for(self, state: LeaseState | None, now: float) -> float:
        """Seconds since `state` was first seen. `now` must be a moment after it was read."""
        if self._since is None or state != self._seen:
            self._seen, self._since = state, now
        return now - self._since


class Lease:
    """One contender for the lease `name`. `holder` must never be used by another."""

    def __init__(
        self, table: LeaseTable, name: str, holder: str, clock: Clock, terms: Terms | None = None
    ) -> None:
        self._table = table
        self._name = name
        self._holder = holder
        self._clock = clock
        self._terms = terms or Terms()
        self._observer = Observer()
        self._until = 0.0
        self.epoch: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether nobody else can hold it now. Ask right before what depends on it."""
        return self.epoch is not None and self._clock.now() < self._until

    async def keep(self) -> None:
        """Hold it whenever it is to be had, until cancelled; then let it go."""
        try:
            while True:
                try:
                    await self.turn()
                except XinfError as error:
                    log.warning("lease %s could not be renewed: %s", self._name, error)
                await self._clock.sleep(self._terms.renew_s)
        finally:
            await self.release()

    async def turn(self) -> None:
        """Renew it, or take it if it is free or its holder is silent. Raises XinfError."""
        began = self._clock.now()
        if self.epoch is None:
            self.epoch = await self._take()
            if self.epoch is not None:
                log.info("lease %s is ours, epoch %d", self._name, self.epoch)
        elif not await self._table.renew_lease(self._name, self._holder, self.epoch):
            log.warning("lease %s was taken over by another", self._name)
            self.epoch = None
        self._until = began + self._terms.ttl_s - self._terms.margin_s

    async def release(self) -> None:
        """Let it go at once, if it can be done quickly; otherwise it runs out by itself."""
        epoch, self.epoch = self.epoch, None
        if epoch is None:
            return
        try:
            async with self._clock.timeout(RELEASE_WITHIN_S):
                await self._table.release_lease(self._name, self._holder, epoch)
        except (TimeoutError, XinfError) as error:
            log.info("lease %s is left to run out: %s", self._name, error)

    async def _take(self) -> int | None:
        state = await self._table.read_lease(self._name)
        still_s = self._observer.still_for(state, self._clock.now())
        is_free = state is None or state.holder is None
        if not is_free and still_s < self._terms.ttl_s:
            return None
        return await self._table.take_lease(self._name, self._holder, state)
