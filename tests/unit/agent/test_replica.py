import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.clock import VirtualClock, settle
from tests.support.engines import FakeHealth, FakeLoad, FakeWorld, assignment
from xinf.agent.replica import Replica
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.states import EngineState

SERVED = ["pending", "provisioning", "starting", "ready"]


@asynccontextmanager
async def running(world: FakeWorld, failures: tuple[float, ...] = ()) -> AsyncIterator[Replica]:
    """A replica on its way; leaving the block makes sure that nothing of it is left."""
    replica = Replica(assignment(), failures, world.ports, "wanted")
    task = asyncio.ensure_future(replica.run())
    await world.clock.advance(0.1)
    try:
        yield replica
        await world.clock.advance(0.1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert all(shim.is_destroyed for shim in world.shims)


async def test_a_start_goes_through_its_states_and_serves() -> None:
    world = FakeWorld(VirtualClock())
    async with running(world) as replica:
        assert world.states == SERVED
        assert replica.record.context == 2048
        assert replica.record.identity == world.shims[0].identity


async def test_loading_is_shown_as_the_shim_tells_it() -> None:
    world = FakeWorld(VirtualClock())
    world.on_launch = lambda _: None
    async with running(world) as replica:
        assert replica.record.state is EngineState.LOADING
        world.shims[0].phase = "warming"
        await world.clock.advance(0.1)
        assert replica.record.state is EngineState.WARMING
        world.shims[0].phase = "ready"
    assert world.states == [*SERVED[:3], "loading", "warming", "ready"]


async def test_a_stop_drains_before_it_ends_the_process() -> None:
    world = FakeWorld(VirtualClock())
    async with running(world) as replica:
        world.shims[0].drain_s = 10
        replica.stop("no longer wanted")
        await world.clock.advance(9)
        assert replica.record.state is EngineState.DRAINING
        await world.clock.advance(2)
        assert world.shims[0].drained
    assert world.states == [*SERVED, "draining", "stopping", "stopped"]
    assert world.history[-1].reason == "no longer wanted"


async def test_a_stop_while_provisioning_starts_nothing() -> None:
    world = FakeWorld(VirtualClock())
    world.provision_s = 100
    async with running(world) as replica:
        replica.stop("no longer wanted")
    assert world.states == ["pending", "provisioning", "stopped"]
    assert world.shims == []


async def test_an_engine_that_ignores_the_request_to_end_is_destroyed() -> None:
    world = FakeWorld(VirtualClock())
    async with running(world) as replica:
        world.shims[0].ignores_term = True
        replica.stop("no longer wanted")
        await world.clock.advance(4.9)
        assert not world.shims[0].is_destroyed
        await world.clock.advance(0.3)
        assert world.shims[0].is_destroyed
    assert world.states[-1] == "stopped"


async def test_a_crash_leads_to_backoff_with_its_reason() -> None:
    world = FakeWorld(VirtualClock())
    async with running(world) as replica:
        world.shims[0].die()
        await settle()
        assert replica.record.state is EngineState.BACKOFF
        assert replica.record.reason == "killed by SIGKILL"
        assert replica.record.retry_at == world.clock.wall() + 1
        assert replica.record.identity is None
        assert replica.record.memory_bytes == 0


async def test_a_crash_after_long_health_restarts_at_once() -> None:
    world = FakeWorld(VirtualClock())
    async with running(world, failures=(world.clock.wall(),)) as replica:
        await world.clock.advance(601)
        world.shims[0].die()
        await settle()
        assert replica.record.retry_at == world.clock.wall()
        assert replica.failures == ()


async def test_too_many_failures_end_in_failed_until_something_changes() -> None:
    world = FakeWorld(VirtualClock())
    now = world.clock.wall()
    async with running(world, failures=(now - 1, now)) as replica:
        world.shims[0].die()
        await settle()
        assert replica.record.state is EngineState.FAILED
        assert "failed 3 times" in replica.record.reason


async def test_bad_options_are_not_tried_again() -> None:
    world = FakeWorld(VirtualClock())
    world.on_launch = lambda shim: shim.die(64, "unknown setting 'tempo'")
    async with running(world) as replica:
        assert replica.record.state is EngineState.FAILED
        assert "unknown setting 'tempo'" in replica.record.reason


async def test_what_cannot_be_provisioned_says_so_and_is_tried_again_only_if_that_may_help() -> (
    None
):
    for code, state in [
        (ErrorCode.NO_NETWORK, EngineState.BACKOFF),
        (ErrorCode.SOURCE_INVALID, EngineState.FAILED),
    ]:
        world = FakeWorld(VirtualClock())
        world.provision_error = XinfError(code, cause="no such thing")
        async with running(world) as replica:
            assert replica.record.state is state
            assert replica.record.reason == "no such thing."


async def test_a_start_that_takes_too_long_is_given_up() -> None:
    world = FakeWorld(VirtualClock())
    world.on_launch = lambda _: None
    async with running(world) as replica:
        await world.clock.advance(61)
        assert replica.record.state is EngineState.BACKOFF
        assert "not ready within 60 s" in replica.record.reason


async def test_an_engine_that_does_not_answer_is_lost_after_some_misses() -> None:
    world = FakeWorld(VirtualClock())
    async with running(world) as replica:
        world.shims[0].health_now = None
        await world.clock.advance(8)
        assert replica.record.state is EngineState.READY
        await world.clock.advance(1.5)
        assert replica.record.state is EngineState.BACKOFF
        assert "3 health checks" in replica.record.reason


async def test_an_engine_that_makes_no_step_hangs() -> None:
    world = FakeWorld(VirtualClock())
    async with running(world) as replica:
        world.shims[0].health_now = FakeHealth(load=FakeLoad(stalled_seconds=31))
        await world.clock.advance(2.5)
        assert replica.record.state is EngineState.BACKOFF
        assert "no step for 31 s" in replica.record.reason


async def test_an_engine_that_says_it_is_broken_is_lost() -> None:
    world = FakeWorld(VirtualClock())
    async with running(world) as replica:
        world.shims[0].health_now = FakeHealth(is_serving=False, reason="device lost")
        await world.clock.advance(2.5)
        assert replica.record.reason == "device lost"


async def test_progress_is_told_and_taken_back() -> None:
    world = FakeWorld(VirtualClock())
    async with running(world):
        pass
    told = [progress.step.what for progress in world.progress if progress is not None]
    assert told[0] == "runtime"
    assert world.progress[-1] is None
