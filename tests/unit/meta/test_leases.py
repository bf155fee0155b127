from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock import VirtualClock, settle
from tests.support.skewed import SkewedClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.meta.leases import Lease, Observer, Terms
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import LeaseState, LeaseTable

T = TypeVar("T")

NAME = "worker/here"
TERMS = Terms()
# The most that the margin allows for, and a little less.
SKEW_MAX = 0.14
MOMENTS = 120
WAIT_S = TERMS.ttl_s + 2 * TERMS.renew_s


@asynccontextmanager
async def street() -> AsyncIterator[tuple[SqliteStore, VirtualClock]]:
    clock = VirtualClock()
    with TemporaryDirectory() as folder:
        async with open_store(Path(folder) / "xinf.db", clock, inline=True) as store:
            yield store, clock


@asynccontextmanager
async def keeping(*leases: Lease) -> AsyncIterator[list[asyncio.Task[None]]]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each.keep()) for each in leases]
        await settle()
        yield running
        for task in running:
            task.cancel()


async def test_a_free_lease_is_taken_at_once_and_kept() -> None:
    async with street() as (store, clock):
        lease = Lease(store, NAME, "a", clock)
        assert not lease.is_held
        async with keeping(lease):
            for _ in range(100):
                assert (lease.is_held, lease.epoch) == (True, 1)
                await clock.advance(1)


async def test_another_waits_for_as_long_as_it_is_renewed() -> None:
    async with street() as (store, clock):
        first, second = Lease(store, NAME, "a", clock), Lease(store, NAME, "b", clock)
        async with keeping(first, second):
            await clock.advance(10 * TERMS.ttl_s)
            assert (first.is_held, second.is_held) == (True, False)


async def test_a_lease_that_is_let_go_is_had_by_the_next_at_once_with_the_next_epoch() -> None:
    async with street() as (store, clock):
        first, second = Lease(store, NAME, "a", clock), Lease(store, NAME, "b", clock)
        async with keeping(first, second) as running:
            running[0].cancel()
            await settle()
            assert not first.is_held
            await clock.advance(TERMS.renew_s)
            assert (second.is_held, second.epoch) == (True, 2)


async def test_the_lease_of_one_who_died_is_taken_over_after_its_time_and_not_before() -> None:
    async with street() as (store, clock):
        dead, next_one = Lease(store, NAME, "a", clock), Lease(store, NAME, "b", clock)
        await dead.turn()  # and never again
        async with keeping(next_one):
            await clock.advance(TERMS.ttl_s - 0.1)
            assert (dead.is_held, next_one.is_held) == (False, False)
            await clock.advance(TERMS.renew_s)
            assert (next_one.is_held, next_one.epoch) == (True, 2)


async def test_one_who_was_away_too_long_no_longer_believes_and_finds_it_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with street() as (store, clock):
        away, other = Lease(store, NAME, "a", clock), Lease(store, NAME, "b", clock)
        await away.turn()
        await clock.advance(TERMS.ttl_s - TERMS.margin_s)
        assert not away.is_held
        async with keeping(other):
            await clock.advance(WAIT_S)
            await away.turn()
            assert (away.epoch, other.epoch) == (None, 2)
            assert "was taken over" in caplog.text


async def test_one_who_was_away_but_was_not_missed_goes_on_in_the_same_epoch() -> None:
    async with street() as (store, clock):
        lease = Lease(store, NAME, "a", clock)
        await lease.turn()
        await clock.advance(5 * TERMS.ttl_s)
        assert not lease.is_held
        await lease.turn()
        assert (lease.is_held, lease.epoch) == (True, 1)


async def test_of_two_who_take_over_in_the_same_moment_one_gets_it() -> None:
    async with street() as (store, _):
        assert await store.take_lease(NAME, "dead", None) == 1
        seen = await store.read_lease(NAME)
        assert await store.take_lease(NAME, "a", seen) == 2
        assert await store.take_lease(NAME, "b", seen) is None
        assert await store.take_lease(NAME, "b", None) is None
        assert await store.read_lease(NAME) == LeaseState("a", 2, 2)


async def test_a_renewal_in_the_last_moment_keeps_it() -> None:
    async with street() as (store, _):
        epoch = await store.take_lease(NAME, "a", None)
        assert epoch == 1
        seen = await store.read_lease(NAME)
        assert await store.renew_lease(NAME, "a", epoch)
        assert await store.take_lease(NAME, "b", seen) is None


async def test_only_the_holder_of_the_epoch_renews_and_lets_go() -> None:
    async with street() as (store, _):
        await store.take_lease(NAME, "a", None)
        await store.take_lease(NAME, "a", await store.read_lease(NAME))
        before = await store.read_lease(NAME)
        assert not await store.renew_lease(NAME, "a", 1)
        assert not await store.renew_lease(NAME, "b", 2)
        await store.release_lease(NAME, "a", 1)
        await store.release_lease(NAME, "b", 2)
        assert await store.read_lease(NAME) == before == LeaseState("a", 2, 2)


async def test_leases_take_no_revision_and_tell_no_watcher() -> None:
    async with street() as (store, clock):
        lease = Lease(store, NAME, "a", clock)
        async with keeping(lease):
            await clock.advance(TERMS.ttl_s)
        assert (await store.list_prefix("")).revision == 0


async def test_trouble_with_the_store_is_logged_and_survived(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with street() as (store, clock):
        rough = Rough(store, clock, random.Random(0), delay_s=0)
        lease = Lease(rough, NAME, "a", clock)
        async with keeping(lease):
            rough.failures = 1.0
            await clock.advance(TERMS.ttl_s)
            assert not lease.is_held
            assert "could not be renewed" in caplog.text
            rough.failures = 0.0
            await clock.advance(TERMS.renew_s)
            assert lease.is_held
            rough.failures = 1.0  # letting go fails too, and is only a courtesy


def test_an_observer_counts_from_when_it_saw_the_last_move() -> None:
    observer = Observer()
    assert observer.still_for(LeaseState("a", 1, 1), now=100) == 0
    assert observer.still_for(LeaseState("a", 1, 1), now=107) == 7
    assert observer.still_for(LeaseState("a", 1, 2), now=110) == 0
    assert observer.still_for(None, now=120) == 0
    assert observer.still_for(None, now=121) == 1


class Rough:
    """A table that is slow before and after, and fails though it may have done what was asked."""

    def __init__(
        self, table: LeaseTable, clock: VirtualClock, chance: random.Random, delay_s: float
    ) -> None:
        self._table, self._clock, self._chance, self._delay_s = table, clock, chance, delay_s
        self.failures = 0.0
        self.is_cut_off = False

    async def read_lease(self, name: str) -> LeaseState | None:
        return await self._roughly(lambda: self._table.read_lease(name))

    async def take_lease(self, name: str, holder: str, seen: LeaseState | None) -> int | None:
        return await self._roughly(lambda: self._table.take_lease(name, holder, seen))

    async def renew_lease(self, name: str, holder: str, epoch: int) -> bool:
        return await self._roughly(lambda: self._table.renew_lease(name, holder, epoch))

    async def release_lease(self, name: str, holder: str, epoch: int) -> None:
        return await self._roughly(lambda: self._table.release_lease(name, holder, epoch))

    async def _roughly(self, step: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self.is_cut_off:
            raise unavailable()
        await self._rest()
        result = await step()
        await self._rest()
        if self._chance.random() < self.failures:
            raise unavailable()
        return result

    async def _rest(self) -> None:
        if self._delay_s:
            await self._clock.sleep(self._chance.uniform(0, self._delay_s))


def unavailable() -> XinfError:
    return XinfError(
        ErrorCode.STORE_UNAVAILABLE, thing="store", cause="is busy", next_step="Try again"
    )


class Town:
    """Contenders whose clocks disagree, who come, die and leave as `seed` says."""

    def __init__(self, store: SqliteStore, true: VirtualClock, seed: int, terms: Terms) -> None:
        self.store, self.true, self.terms = store, true, terms
        self.random = random.Random(seed)
        self.living: dict[int, tuple[Lease, Rough, asyncio.Task[None]]] = {}
        self.born = 0
        self.last_epoch = 0
        self.last_holder = -1
        self.times_held = 0
        self.violations: list[str] = []

    def bear(self, tasks: asyncio.TaskGroup) -> None:
        self.born += 1
        speed = 1 + self.random.choice([-1, 1]) * self.random.uniform(0, SKEW_MAX)
        clock = SkewedClock(self.true, speed, zero=self.random.uniform(-1e6, 1e6))
        rough = Rough(self.store, self.true, self.random, self.random.choice([0, 0.1, 4]))
        rough.failures = self.random.choice([0, 0, 0.3])
        lease = Lease(rough, NAME, f"number {self.born}", clock, self.terms)
        self.living[self.born] = (lease, rough, tasks.create_task(lease.keep()))

    def trouble_one(self) -> None:
        """Somebody leaves in order, is killed, or lives on without reaching the store."""
        number = self.random.choice(sorted(self.living))
        _, rough, task = self.living[number]
        trouble = self.random.choice(["leaves", "dies", "is cut off", "is cut off"])
        rough.is_cut_off = rough.is_cut_off or trouble != "leaves"
        if trouble != "is cut off":
            del self.living[number]
            task.cancel()

    def check(self) -> None:
        believing = [number for number, (lease, *_) in self.living.items() if lease.is_held]
        if len(believing) > 1:
            self.violations.append(f"{believing} believe at {self.true.now()}")
        for number in believing:
            epoch = self.living[number][0].epoch or 0
            is_same = (number, epoch) == (self.last_holder, self.last_epoch)
            if not is_same and epoch <= self.last_epoch:
                self.violations.append(f"{number} has epoch {epoch} after {self.last_epoch}")
            self.last_epoch, self.last_holder = epoch, number
            self.times_held += 1

    async def live(self, moments: int) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                self.bear(tasks)
            for _ in range(moments):
                await self.true.advance(self.random.uniform(0.1, 1))
                self.check()
                if self.random.random() < 0.1:
                    self.trouble_one()
                    self.bear(tasks)
            for *_, task in self.living.values():
                task.cancel()
            await self.true.advance(60)  # what is still being let go


async def town_life(seed: int, terms: Terms = TERMS, moments: int = MOMENTS) -> Town:
    async with street() as (store, clock):
        town = Town(store, clock, seed, terms)
        await town.live(moments)
        return town


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_whatever_the_clocks_and_the_store_do_never_two_believe_that_they_hold_it(
    seed: int,
) -> None:
    assert asyncio.run(town_life(seed)).violations == []


async def test_without_the_margin_two_would_believe() -> None:
    """Or the test above could not fail."""
    lives = [await town_life(seed, Terms(margin_s=0.0)) for seed in range(10)]
    assert any(town.violations for town in lives)


async def test_in_a_rough_town_somebody_holds_it_most_of_the_time() -> None:
    lives = [await town_life(seed) for seed in range(5)]
    assert sum(town.times_held for town in lives) > 0.5 * len(lives) * MOMENTS
