"""A replica and the devices under it: when it may start and stop, what it holds, and their loss."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.support.clock import VirtualClock, settle
from tests.support.engines import (
    CPU,
    GPUS,
    POLICY,
    FakeHealth,
    FakeLoad,
    FakeWorld,
    assignment,
)
from xinf.agent.gate import Gate
from xinf.agent.replica import Replica
from xinf.core.nodes import DeviceProcess, Sighting
from xinf.core.states import EngineState
from xinf.core.units import GIB, MIB

ONE, TWO = GPUS


class Machine:
    """Replicas that share a world; `look` is what the heartbeat does."""

    def __init__(self) -> None:
        self.world = FakeWorld(VirtualClock())
        self.world.on_launch = lambda _: None
        self.clock = self.world.clock
        self.replicas: list[Replica] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self, name: str, *uuids: str, gib: int = 10) -> Replica:
        placed = replace(assignment(name), devices=uuids or (ONE.uuid,), memory_bytes=gib * GIB)
        replica = Replica(placed, (), self.world.ports, "wanted")
        replica.sighted(self.world.seen)
        self.replicas.append(replica)
        self.tasks.append(asyncio.ensure_future(replica.run()))
        await self.clock.advance(0.2)
        return replica

    async def serves(self, name: str, *uuids: str) -> Replica:
        replica = await self.start(name, *uuids)
        self.world.shims[-1].phase = "ready"
        await self.clock.advance(0.2)
        assert replica.record.state is EngineState.READY
        return replica

    async def look(self, seen: Sighting) -> None:
        self.world.seen = seen
        for replica in self.replicas:
            replica.sighted(seen)
        await self.clock.advance(0.2)


@asynccontextmanager
async def machine() -> AsyncIterator[Machine]:
    it = Machine()
    try:
        yield it
    finally:
        for task in it.tasks:
            task.cancel()
        await asyncio.gather(*it.tasks, return_exceptions=True)
    assert all(shim.is_destroyed for shim in it.world.shims)
    assert it.world.gate.at_work == ()
    assert it.world.crowded == []


def held(*sizes: int, replica: str = "a/0") -> Sighting:
    """What the devices tell when its processes hold so much on each."""
    gpus = (
        replace(gpu, processes=(DeviceProcess(7, "python", size, owner=replica),))
        for gpu, size in zip(GPUS, sizes, strict=False)
    )
    return Sighting((*gpus, *GPUS[len(sizes) :], CPU))


async def test_the_second_start_on_a_device_waits_for_the_first_and_says_so() -> None:
    async with machine() as it:
        await it.start("a/0")
        second = await it.start("b/0")
        assert second.record.state is EngineState.PROVISIONING
        assert second.record.reason == "waits for a/0 to start on cuda:0"
        it.world.shims[0].phase = "ready"
        await it.clock.advance(0.2)
        assert second.record.state is EngineState.LOADING


async def test_a_start_that_fails_lets_the_next_one_go() -> None:
    async with machine() as it:
        await it.start("a/0")
        second = await it.start("b/0")
        it.world.shims[0].die()
        await it.clock.advance(0.2)
        assert second.record.state is EngineState.LOADING


async def test_memory_that_does_not_come_is_explained_and_tried_again_without_end() -> None:
    async with machine() as it:
        game = DeviceProcess(4242, "python", 26 * GIB)
        full = replace(ONE, memory_used=26 * GIB, processes=(game,))
        it.world.seen = Sighting((full, TWO, CPU))
        replica = await it.start("a/0")
        assert replica.record.state is EngineState.PROVISIONING
        why = "cuda:0 has 6.0 GiB free of 10.0 GiB needed; python (pid 4242) holds 26.0 GiB"
        assert replica.record.reason == f"waits for memory: {why}"
        await it.clock.advance(61)
        assert (replica.record.state, replica.record.reason) == (EngineState.BACKOFF, why)
        assert replica.record.retry_at is not None
        assert replica.failures == ()
        assert it.world.shims == []


async def test_what_was_seen_in_the_middle_of_a_load_is_not_what_a_serving_engine_holds() -> None:
    async with machine() as it:

        async def look() -> Sighting:
            for each in it.replicas:
                each.sighted(it.world.seen)
            return it.world.seen

        it.world.gate = Gate(look, it.clock, POLICY.memory_wait_s)
        replica = await it.start("a/0")
        await it.look(held(3 * GIB))
        assert replica.record.memory == {ONE.uuid: 3 * GIB}
        it.world.seen = held(20 * GIB)
        it.world.shims[-1].phase = "ready"
        await it.clock.advance(0.2)
        assert replica.record.state is EngineState.READY
        ready = [each for each in it.world.history if each.state is EngineState.READY]
        assert [each.memory for each in ready] == [{ONE.uuid: 20 * GIB}] * len(ready)
        assert [each.memory_bytes for each in it.world.measured] == [20 * GIB]


async def test_a_stop_while_it_waits_is_a_stop() -> None:
    async with machine() as it:
        await it.start("a/0")
        second = await it.start("b/0")
        second.stop("no longer wanted")
        await settle()
        assert second.record.state is EngineState.STOPPED
        assert len(it.world.shims) == 1


async def test_who_serves_goes_on_serving_until_the_start_beside_it_is_over() -> None:
    async with machine() as it:
        first = await it.serves("a/0")
        await it.start("b/0")
        first.stop("no longer wanted")
        await it.clock.advance(5)
        assert first.record.state is EngineState.READY
        assert first.record.reason == "no longer wanted; waits for b/0 to start on cuda:0"
        it.world.shims[1].phase = "ready"
        await it.clock.advance(0.2)
        assert first.record.state is EngineState.STOPPED


async def test_what_is_starting_is_stopped_at_once() -> None:
    async with machine() as it:
        first = await it.start("a/0")
        second = await it.start("b/0")
        first.stop("no longer wanted")
        await settle()
        assert first.record.state is EngineState.STOPPED
        await it.clock.advance(0.2)
        assert second.record.state is EngineState.LOADING


async def test_nobody_starts_while_an_engine_ends() -> None:
    async with machine() as it:
        first = await it.serves("a/0")
        it.world.shims[0].ignores_term = True
        first.stop("no longer wanted")
        await settle()
        second = await it.start("b/0")
        assert second.record.reason == "waits for a/0 to stop on cuda:0"
        await it.clock.advance(5)
        assert second.record.state is EngineState.LOADING


async def test_what_its_processes_hold_is_in_its_record_for_each_device() -> None:
    async with machine() as it:
        replica = await it.serves("a/0", ONE.uuid, TWO.uuid)
        assert replica.record.memory == {}
        await it.look(held(3 * GIB, 4 * GIB))
        assert replica.record.memory == {ONE.uuid: 3 * GIB, TWO.uuid: 4 * GIB}
        assert replica.record.memory_bytes == 7 * GIB
        before = replica.record
        await it.look(held(3 * GIB + 63 * MIB, 4 * GIB))
        assert replica.record == before
        await it.look(held(3 * GIB + 64 * MIB, 4 * GIB))
        assert replica.record.memory[ONE.uuid] == 3 * GIB + 64 * MIB
        replica.stop("no longer wanted")
        await it.clock.advance(0.2)
        assert (replica.record.memory, replica.record.memory_bytes) == ({}, 0)


async def test_what_an_engine_says_it_holds_is_shared_out_where_devices_do_not_tell() -> None:
    async with machine() as it:
        replica = await it.start("a/0", ONE.uuid, TWO.uuid)
        it.world.shims[0].health_now = FakeHealth(load=FakeLoad(memory_bytes=6 * GIB))
        it.world.shims[0].phase = "ready"
        await it.clock.advance(0.2)
        assert replica.record.memory == {ONE.uuid: 3 * GIB, TWO.uuid: 3 * GIB}
        it.world.shims[0].health_now = FakeHealth(load=FakeLoad(memory_bytes=8 * GIB))
        await it.clock.advance(2)
        assert replica.record.memory_bytes == 8 * GIB


async def test_what_a_serving_engine_holds_is_measured_and_what_a_loading_one_does_is_not() -> None:
    async with machine() as it:
        await it.start("a/0")
        await it.look(held(3 * GIB))
        assert it.world.measured == []
        it.world.shims[0].phase = "ready"
        await it.clock.advance(0.2)
        assert it.world.measured[-1].memory_bytes == 3 * GIB
        await it.look(held(5 * GIB))
        found = it.world.measured[-1]
        assert (found.memory_bytes, found.device_name) == (5 * GIB, ONE.name)
        assert (found.model, found.engine_version) == ("a", "1")


async def test_a_lost_device_fails_its_engine_at_once_and_no_other() -> None:
    async with machine() as it:
        first = await it.serves("a/0", ONE.uuid)
        second = await it.serves("b/0", TWO.uuid)
        lost = Sighting((TWO, CPU), (f"{ONE.uuid}: GPU is lost",), lost=(ONE.uuid,))
        await it.look(lost)
        assert first.record.state is EngineState.BACKOFF
        assert first.record.reason == "cuda:0 (GPU-0) is lost: GPU-0: GPU is lost"
        assert (first.record.identity, first.failures) == (None, ())
        assert it.world.shims[0].is_destroyed
        assert second.record.state is EngineState.READY


async def test_a_loss_is_told_before_the_process_is_gone() -> None:
    async with machine() as it:
        replica = await it.serves("a/0")
        it.world.shims[0].destroy_s = 20
        await it.look(Sighting((TWO, CPU), lost=(ONE.uuid,)))
        assert replica.record.state is EngineState.BACKOFF
        assert not it.tasks[0].done()
        await it.clock.advance(21)
        assert it.tasks[0].done()


async def test_a_device_that_is_lost_while_its_engine_starts_or_waits_fails_it_too() -> None:
    async with machine() as it:
        both = [await it.start("a/0"), await it.start("b/0")]
        await it.look(Sighting((TWO, CPU), lost=(ONE.uuid,)))
        assert {each.record.state for each in both} == {EngineState.BACKOFF}


async def test_a_device_that_cannot_be_asked_leaves_its_engine_alone() -> None:
    async with machine() as it:
        replica = await it.serves("a/0")
        await it.look(Sighting((ONE, TWO, CPU), ("cuda devices cannot be asked",)))
        await it.look(Sighting((TWO, CPU), ("GPU-0 was not listed",)))
        assert replica.record.state is EngineState.READY
