import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.support.clock import VirtualClock
from tests.support.store import records
from xinf.agent.footprints import PAUSE_S, PEAK_STEP_BYTES, Footprints
from xinf.core.footprints import MeasuredFootprint
from xinf.core.units import GIB
from xinf.meta.records import Records

ONE = MeasuredFootprint("k", "a", "f", "RTX 5090", "cuda", "vllm-cuda", 10 * GIB, 100.0)


def grown(steps: float, at: float = 200.0) -> MeasuredFootprint:
    return replace(ONE, memory_bytes=ONE.memory_bytes + int(steps * PEAK_STEP_BYTES), at=at)


@asynccontextmanager
async def writing() -> AsyncIterator[tuple[Footprints, Records, VirtualClock]]:
    clock = VirtualClock()
    async with records(clock) as store:
        footprints = Footprints(store, clock)
        running = asyncio.ensure_future(footprints.run())
        try:
            yield footprints, store, clock
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_measurement_is_written_and_only_a_new_peak_again() -> None:
    async with writing() as (footprints, store, clock):
        footprints.note(ONE)
        await clock.advance(PAUSE_S)
        first = await store.footprints.get_entry("k")
        assert first is not None
        assert first[0] == ONE
        for steps in (0.0, 0.9, -3.0):
            footprints.note(grown(steps))
        await clock.advance(PAUSE_S)
        assert await store.footprints.get_entry("k") == first
        footprints.note(grown(1.0))
        await clock.advance(PAUSE_S)
        assert await store.footprints.get("k") == grown(1.0)


async def test_what_grows_fast_is_written_with_pauses_and_then_as_it_is() -> None:
    async with writing() as (footprints, store, clock):
        for step in range(1, 9):
            footprints.note(grown(step))
            await clock.advance(PAUSE_S / 4)
        found = await store.footprints.get_entry("k")
        assert found is not None
        assert found[1] <= 3  # writes of anything at all, for eight steps
        await clock.advance(PAUSE_S)
        assert await store.footprints.get("k") == grown(8)


async def test_the_peak_of_an_earlier_run_stays_unless_the_plan_gave_other_numbers() -> None:
    async with writing() as (footprints, store, clock):
        await store.footprints.put("k", grown(5.0, at=50.0))
        footprints.note(ONE)
        await clock.advance(PAUSE_S)
        assert await store.footprints.get("k") == grown(5.0, at=100.0)
        other = replace(ONE, cache_bytes=GIB)
        footprints.note(other)
        await clock.advance(PAUSE_S)
        assert await store.footprints.get("k") == other


async def test_what_was_noted_last_is_written_at_the_end() -> None:
    async with records(VirtualClock()) as store:
        footprints = Footprints(store, VirtualClock())
        footprints.note(ONE)
        await footprints.flush()
        assert await store.footprints.get("k") == ONE


async def test_a_record_that_cannot_be_read_is_replaced() -> None:
    async with writing() as (footprints, store, clock):
        await store.store.put("footprints/k", '{"memory": "much"}')
        footprints.note(ONE)
        await clock.advance(PAUSE_S)
        assert await store.footprints.get("k") == ONE
