from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.clock import VirtualClock, settle
from xinf.meta.neighbours import OWN_PAUSES_S, PAUSES_S, Neighbours


class Street:
    """A WAL that we and others write to, and a count of what `Neighbours` make of it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.version, self.marks = 0, 0
        self.looks, self.rings = 0, 0
        self.failure: sqlite3.Error | None = None
        self.neighbours = Neighbours(self.look, lambda: self.marks, self.ring, self.clock)

    async def look(self) -> int:
        self.looks += 1
        if self.failure:
            raise self.failure
        return self.version

    def ring(self) -> None:
        self.rings += 1

    def write_ourselves(self) -> None:
        self.marks += 1
        self.neighbours.stir()
        self.marks += 1

    def forget(self) -> None:
        self.looks = self.rings = 0


@asynccontextmanager
async def street() -> AsyncIterator[Street]:
    """Neighbours who have looked once already, for the first look always rings."""
    made = Street()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.neighbours.run())
        made.neighbours.stir()
        await settle()
        assert made.rings == 1
        made.forget()
        yield made
        running.cancel()


async def test_a_commit_that_is_visible_rings_at_once() -> None:
    async with street() as here:
        here.version += 1
        here.neighbours.stir()
        await settle()
        assert (here.looks, here.rings) == (1, 1)
        await here.clock.advance(10)
        assert (here.looks, here.rings) == (1, 1)


async def test_a_commit_that_is_still_being_synced_rings_once_it_is_visible() -> None:
    async with street() as here:
        here.neighbours.stir()
        await here.clock.advance(0.010)
        assert here.rings == 0
        here.version += 1
        await here.clock.advance(0.010)
        assert here.rings == 1


async def test_a_commit_that_never_comes_is_not_looked_for_for_ever() -> None:
    async with street() as here:
        here.neighbours.stir()
        await here.clock.advance(10)
        assert (here.looks, here.rings) == (len(PAUSES_S), 0)


async def test_another_write_is_looked_at_at_once_though_one_is_still_waited_for() -> None:
    async with street() as here:
        here.neighbours.stir()
        await here.clock.advance(0.2)  # in the longest pause
        here.version += 1
        here.neighbours.stir()
        await settle()
        assert here.rings == 1


async def test_a_write_of_ours_costs_a_few_looks_later_and_none_at_once() -> None:
    async with street() as here:
        here.write_ourselves()
        await settle()
        assert here.looks == 0
        await here.clock.advance(10)
        assert (here.looks, here.rings) == (len(OWN_PAUSES_S), 0)


async def test_a_storm_of_our_own_is_looked_at_no_more_than_once_a_pause() -> None:
    async with street() as here:
        for _ in range(1000):
            here.write_ourselves()
            await here.clock.advance(0.001)
        assert here.looks <= 1 / OWN_PAUSES_S[0]


async def test_a_commit_of_another_in_the_middle_of_ours_is_not_overheard() -> None:
    async with street() as here:
        here.marks += 1
        here.neighbours.stir()
        here.version += 1
        here.marks += 1
        await here.clock.advance(2 * OWN_PAUSES_S[0])
        assert here.rings == 1


async def test_trouble_with_the_file_is_left_to_those_who_read_it() -> None:
    async with street() as here:
        here.failure = sqlite3.OperationalError("disk I/O error")
        here.neighbours.stir()
        await settle()
        here.failure, here.version = None, here.version + 1
        await here.clock.advance(1)
        assert here.rings == 1
