import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock import VirtualClock, settle
from tests.support.engines import CPU, GPUS, assignment
from xinf.agent.gate import Gate, Hindered
from xinf.core.nodes import Sighting
from xinf.core.placement import ReplicaAssignment
from xinf.core.units import GIB

PATIENCE_S = 60.0


def placed(replica: str, *uuids: str, gib: int = 10) -> ReplicaAssignment:
    devices = uuids or (GPUS[0].uuid,)
    return replace(assignment(replica), devices=devices, memory_bytes=gib * GIB)


class Hall:
    """A gate, the devices behind it, and who goes through."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.seen = Sighting((*GPUS, CPU))
        self.gate = Gate(self._look, self.clock, PATIENCE_S)
        self.said: dict[str, list[str]] = {}
        self.refused: dict[str, str] = {}
        self.tasks: list[asyncio.Task[None]] = []

    async def _look(self) -> Sighting:
        return self.seen

    def uses(self, *gib: int) -> None:
        """So much is used on the GPUs."""
        gpus = (replace(gpu, memory_used=size * GIB) for gpu, size in zip(GPUS, gib, strict=False))
        self.seen = Sighting((*gpus, *GPUS[len(gib) :], CPU))

    @property
    def stopping(self) -> list[str]:
        return sorted(each.replica for each in self.gate.at_work if each.is_stop)

    @property
    def starting(self) -> list[str]:
        return sorted(each.replica for each in self.gate.at_work if not each.is_stop)

    async def start(self, what: ReplicaAssignment, takes_s: float = 10) -> asyncio.Task[None]:
        """Begin to start: it takes a while until it is ready and leaves its turn."""
        return await self._go(self._start(what, takes_s))

    async def stop(self, what: ReplicaAssignment, takes_s: float = 10) -> asyncio.Task[None]:
        return await self._go(self._stop(what, takes_s))

    async def _go(self, way: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(way)
        self.tasks.append(task)
        await settle()
        return task

    async def _start(self, what: ReplicaAssignment, takes_s: float) -> None:
        with self.gate.turn(what) as turn:
            try:
                await self.gate.start(turn, self.said.setdefault(what.replica, []).append)
            except Hindered as hindered:
                self.refused[what.replica] = hindered.reason
                return
            await self.clock.sleep(takes_s)

    async def _stop(self, what: ReplicaAssignment, takes_s: float) -> None:
        with self.gate.turn(what) as turn:
            await self.gate.stop(turn, self.said.setdefault(what.replica, []).append)
            await self.clock.sleep(takes_s)


@asynccontextmanager
async def hall() -> AsyncIterator[Hall]:
    """Leaving the block cancels whoever still is in it; nothing of them may stay behind."""
    it = Hall()
    try:
        yield it
    finally:
        for task in it.tasks:
            task.cancel()
        await asyncio.gather(*it.tasks, return_exceptions=True)
    assert it.gate.at_work == ()


BOTH = (GPUS[0].uuid, GPUS[1].uuid)


async def test_two_starts_on_one_device_are_one_after_the_other() -> None:
    async with hall() as it:
        await it.start(placed("a/0"))
        await it.start(placed("b/0"))
        await it.clock.advance(9)
        assert it.starting == ["a/0"]
        assert set(it.said["b/0"]) == {"waits for a/0 to start on cuda:0"}
        await it.clock.advance(2)
        assert it.starting == ["b/0"]


async def test_starts_on_two_devices_or_on_the_cpu_are_in_nobodys_way() -> None:
    async with hall() as it:
        for replica, uuid in [("a/0", BOTH[0]), ("b/0", BOTH[1]), ("c/0", "cpu"), ("d/0", "cpu")]:
            await it.start(placed(replica, uuid))
        assert it.starting == ["a/0", "b/0", "c/0", "d/0"]


async def test_one_that_needs_two_devices_waits_for_both_and_is_not_overtaken() -> None:
    async with hall() as it:
        await it.start(placed("a/0", BOTH[0]))
        await it.start(placed("both/0", *BOTH))
        await it.start(placed("c/0", BOTH[1]))
        assert it.starting == ["a/0"]
        await it.clock.advance(11)
        assert it.starting == ["both/0"]
        await it.clock.advance(11)
        assert it.starting == ["c/0"]


async def test_a_start_waits_until_its_memory_can_be_seen_to_be_free() -> None:
    async with hall() as it:
        it.uses(25)
        await it.start(placed("a/0"))
        await it.clock.advance(30)
        assert it.starting == []
        waited = "waits for memory: cuda:0 has 7.0 GiB free of 10.0 GiB needed"
        assert set(it.said["a/0"]) == {waited}
        it.uses(22)
        await it.clock.advance(1)
        assert it.starting == ["a/0"]


async def test_memory_that_does_not_come_is_explained_in_the_end() -> None:
    async with hall() as it:
        it.uses(25)
        await it.start(placed("a/0"))
        await it.clock.advance(PATIENCE_S - 1)
        assert it.refused == {}
        await it.clock.advance(2)
        assert it.refused == {"a/0": "cuda:0 has 7.0 GiB free of 10.0 GiB needed"}


async def test_main_memory_is_waited_for_too() -> None:
    async with hall() as it:
        await it.start(placed("a/0", "cpu", gib=65))
        await it.clock.advance(PATIENCE_S + 1)
        assert it.refused == {"a/0": "cpu:0 has 64.0 GiB free of 65.0 GiB needed"}


async def test_the_starts_of_others_do_not_use_up_the_patience_for_memory() -> None:
    async with hall() as it:
        await it.start(placed("a/0"), takes_s=10 * PATIENCE_S)
        await it.start(placed("b/0"))
        await it.clock.advance(5 * PATIENCE_S)
        assert it.refused == {}
        await it.clock.advance(5 * PATIENCE_S + 1)
        assert it.starting == ["b/0"]


async def test_one_whose_memory_is_not_there_lets_others_by_and_comes_when_it_is() -> None:
    async with hall() as it:
        it.uses(16)
        await it.start(placed("large/0", gib=20))
        await it.start(placed("small/0", gib=5))
        assert it.starting == ["small/0"]
        it.uses(0)
        await it.clock.advance(9)
        assert it.starting == ["small/0"]
        await it.clock.advance(2)
        assert it.starting == ["large/0"]


async def test_a_stop_waits_for_the_start_at_work_and_goes_before_the_next() -> None:
    async with hall() as it:
        await it.start(placed("a/0"))
        await it.start(placed("b/0"))
        await it.stop(placed("c/0"))
        assert it.said["c/0"] == ["waits for a/0 to start on cuda:0"]
        await it.clock.advance(11)
        assert (it.starting, it.stopping) == ([], ["c/0"])
        await it.clock.advance(11)
        assert (it.starting, it.stopping) == (["b/0"], [])


async def test_a_stop_does_not_wait_for_ever() -> None:
    async with hall() as it:
        await it.start(placed("a/0"), takes_s=10 * PATIENCE_S)
        await it.stop(placed("c/0"))
        await it.clock.advance(PATIENCE_S - 1)
        assert it.stopping == []
        await it.clock.advance(2)
        assert it.stopping == ["c/0"]


async def test_what_is_starting_itself_is_stopped_at_once() -> None:
    it = Hall()
    with it.gate.turn(placed("a/0")) as turn:
        await it.gate.start(turn, lambda _: None)
        await it.gate.stop(turn, lambda _: None)
        assert it.starting == ["a/0"]
    assert it.gate.at_work == ()


async def test_when_everything_closes_nobody_waits_to_stop() -> None:
    async with hall() as it:
        await it.start(placed("a/0"))
        await it.stop(placed("b/0"))
        assert it.stopping == []
        it.gate.close()
        await it.stop(placed("c/0"))
        assert it.stopping == ["b/0", "c/0"]


async def test_what_falls_down_is_in_the_way_until_it_has_left() -> None:
    async with hall() as it:
        with it.gate.turn(placed("a/0")) as turn:
            it.gate.hold(turn)
            await it.start(placed("b/0"))
            assert it.starting == []
        await settle()
        assert it.starting == ["b/0"]


@pytest.mark.parametrize("is_waiting", [False, True])
async def test_whoever_is_cancelled_is_in_nobodys_way(is_waiting: bool) -> None:
    async with hall() as it:
        first = await it.start(placed("a/0"))
        second = await it.start(placed("b/0"))
        await it.start(placed("c/0"))
        (second if is_waiting else first).cancel()
        await settle()
        assert it.starting == (["a/0"] if is_waiting else ["b/0"])
        await it.clock.advance(11)
        assert it.starting == ["c/0"]


ways = st.tuples(
    st.sampled_from([BOTH[:1], BOTH[1:], BOTH, ("cpu",)]),
    st.booleans(),  # whether it stops
    st.sampled_from([0.0, 3.0, 20.0]),  # how long it takes
    st.sampled_from([0.0, 0.3, 8.0]),  # how long after it the next one comes
    st.sampled_from([None, 1.0]),  # when it is cancelled
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ways, max_size=8), st.sampled_from([0, 25, 32]))
def test_whoever_comes_starts_are_alone_and_everybody_gets_through(
    comers: list[tuple[tuple[str, ...], bool, float, float, float | None]], used: int
) -> None:
    asyncio.run(_all_through(comers, used))


async def _all_through(
    comers: list[tuple[tuple[str, ...], bool, float, float, float | None]], used: int
) -> None:
    async with hall() as it:
        it.uses(used)
        for number, (uuids, is_stop, takes_s, pause_s, patience_s) in enumerate(comers):
            what = placed(f"m/{number}", *uuids)
            task = await (it.stop if is_stop else it.start)(what, takes_s)
            if patience_s is not None:
                await it.clock.advance(patience_s)
                task.cancel()
            await it.clock.advance(pause_s)
            assert_starts_are_alone(it)
        it.uses(0)
        for _ in range(40):
            await it.clock.advance(10)
            assert_starts_are_alone(it)
        assert all(task.done() for task in it.tasks)


def assert_starts_are_alone(it: Hall) -> None:
    starts = [each.devices for each in it.gate.at_work if not each.is_stop]
    assert sum(map(len, starts)) == len(frozenset().union(*starts))
