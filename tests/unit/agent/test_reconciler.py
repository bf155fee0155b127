import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.support.clock import VirtualClock
from tests.support.engines import CPU, GPUS, FakeWorld, assignment
from xinf.agent.reconciler import Reconciler
from xinf.agent.wake import Wake
from xinf.core.nodes import Sighting
from xinf.core.placement import ReplicaAssignment
from xinf.core.states import EngineState


class Node:
    """A reconciler with its wishes in `wanted`."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.world = FakeWorld(self.clock)
        self.wanted: list[ReplicaAssignment] = []
        self.forgotten: list[str] = []
        self.wake = Wake(self.clock)
        publish = self.world.history.append

        def ring(record: object) -> None:
            publish(record)  # type: ignore[arg-type]
            self.wake.ring()

        ports = replace(self.world.ports, publish=ring)
        self.reconciler = Reconciler(lambda: self.wanted, ports, self.wake, self.forgotten.append)

    async def want(self, *wanted: ReplicaAssignment) -> None:
        self.wanted = list(wanted)
        self.wake.ring()
        await self.clock.advance(0.2)

    @property
    def states(self) -> dict[str, EngineState]:
        return {record.replica: record.state for record in self.reconciler.observed()}


@asynccontextmanager
async def node() -> AsyncIterator[Node]:
    it = Node()
    running = asyncio.ensure_future(it.reconciler.run())
    try:
        yield it
        it.reconciler.close()
        await it.clock.advance(30)
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert all(shim.is_destroyed for shim in it.world.shims)


async def test_what_is_wanted_runs_and_what_is_not_wanted_goes() -> None:
    async with node() as it:
        await it.want(assignment("a/0"), assignment("b/0"))
        assert it.states == {"a/0": EngineState.READY, "b/0": EngineState.READY}
        await it.want(assignment("b/0"))
        assert it.states == {"b/0": EngineState.READY}
        assert it.forgotten == ["a/0"]
        assert it.world.shims[0].is_destroyed


async def test_a_crashed_engine_comes_back_after_its_backoff_without_any_command() -> None:
    async with node() as it:
        await it.want(assignment("a/0"))
        it.world.shims[0].die()
        await it.clock.advance(0.9)
        assert it.states == {"a/0": EngineState.BACKOFF}
        await it.clock.advance(0.3)
        assert it.states == {"a/0": EngineState.READY}
        assert len(it.world.shims) == 2


async def test_a_crash_loop_ends_in_failed_and_a_changed_setting_starts_it_again() -> None:
    async with node() as it:
        it.world.on_launch = lambda shim: shim.die(71, "no model")
        await it.want(assignment("a/0"))
        await it.clock.advance(60)
        assert it.states == {"a/0": EngineState.FAILED}
        assert len(it.world.shims) == 3
        it.world.on_launch = lambda shim: setattr(shim, "phase", "ready")
        await it.want(assignment("a/0", fingerprint="g"))
        assert it.states == {"a/0": EngineState.READY}


async def test_changed_settings_replace_the_engine() -> None:
    async with node() as it:
        await it.want(assignment("a/0"))
        await it.want(assignment("a/0", fingerprint="g"))
        assert it.states == {"a/0": EngineState.READY}
        assert [shim.is_destroyed for shim in it.world.shims] == [True, False]


async def test_a_lost_ring_is_only_late() -> None:
    async with node() as it:
        it.wanted = [assignment("a/0")]
        await it.clock.advance(6)
        assert it.states == {"a/0": EngineState.READY}


async def test_closing_drains_and_hurry_does_not_wait() -> None:
    async with node() as it:
        await it.want(assignment("a/0"))
        it.world.shims[0].drain_s = 15
        it.reconciler.close()
        await it.clock.advance(10)
        assert it.states == {"a/0": EngineState.DRAINING}
        it.reconciler.hurry()
        await it.clock.advance(0.2)
        assert it.world.shims[0].is_destroyed
        assert not it.world.shims[0].drained


async def test_at_the_end_nobody_waits_for_another_to_stop() -> None:
    async with node() as it:
        on_gpu = [replace(assignment(name), devices=(GPUS[0].uuid,)) for name in ("a/0", "b/0")]
        await it.want(on_gpu[0])
        it.world.on_launch = lambda shim: setattr(shim, "ignores_term", True)
        await it.want(*on_gpu)
        assert it.states == {"a/0": EngineState.READY, "b/0": EngineState.LOADING}
        it.reconciler.close()
        await it.clock.advance(0.1)
        assert it.world.shims[0].is_destroyed
        assert not it.world.shims[1].is_destroyed


async def test_a_look_at_the_devices_reaches_every_replica() -> None:
    async with node() as it:
        await it.want(*(replace(assignment(f"a/{n}"), devices=(GPUS[n].uuid,)) for n in (0, 1)))
        it.reconciler.sighted(Sighting((CPU,), lost=tuple(gpu.uuid for gpu in GPUS)))
        await it.clock.advance(0.1)
        assert set(it.states.values()) == {EngineState.BACKOFF}
