import asyncio

from tests.support.clock import VirtualClock, settle
from tests.support.plane import plain_planner, planning
from tests.support.store import records
from xinf.core.models import ModelIntent, ModelSpec, Override, SimSpec
from xinf.core.nodes import Device, NodeStatus
from xinf.core.units import GIB

CPU = Device("cpu", "cpu", 0, "some cpu", 16 * GIB, 0)


def sim(name: str, gib: int = 1, **more: object) -> ModelSpec:
    return ModelSpec(name, engine="sim", sim=SimSpec(memory_bytes=gib * GIB), **more)  # type: ignore[arg-type]


async def test_a_wish_becomes_an_assignment() -> None:
    clock = VirtualClock()
    async with records(clock) as store, planning(store, clock) as planner:
        await store.nodes.put("local", NodeStatus("local", (CPU,)))
        await store.models.put("a", ModelIntent(declared=sim("a", replicas=2)))
        await planner.settle()
        found = await store.assignments.list()
        assert list(found) == ["local/a/0", "local/a/1"]
        assert found["local/a/0"].config.args["memory_bytes"] == GIB


async def test_a_plan_of_this_run_is_waited_for() -> None:
    clock = VirtualClock()
    async with records(clock) as store:
        planner = plain_planner(store, clock)
        waiting = asyncio.ensure_future(planner.planned())
        await settle()
        assert not waiting.done()
        loops = [asyncio.ensure_future(mirror.run()) for mirror in planner.mirrors]
        loops.append(asyncio.ensure_future(planner.run()))
        await clock.advance(0.1)
        assert waiting.done()
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


async def test_a_wish_taken_back_takes_the_assignment_away() -> None:
    clock = VirtualClock()
    async with records(clock) as store, planning(store, clock) as planner:
        await store.nodes.put("local", NodeStatus("local", (CPU,)))
        await store.models.put("a", ModelIntent(declared=sim("a")))
        await planner.settle()
        await store.models.put("a", ModelIntent(declared=sim("a"), override=Override.TERMINATE))
        await planner.settle()
        assert await store.assignments.list() == {}


async def test_a_plan_that_changes_nothing_writes_nothing() -> None:
    clock = VirtualClock()
    async with records(clock) as store, planning(store, clock) as planner:
        await store.nodes.put("local", NodeStatus("local", (CPU,)))
        await store.models.put("a", ModelIntent(declared=sim("a")))
        await planner.settle()
        before = await store.assignments.snapshot()
        await clock.advance(60)
        assert await store.assignments.snapshot() == before


async def test_what_does_not_fit_is_in_the_plan_with_its_reason() -> None:
    clock = VirtualClock()
    async with records(clock) as store, planning(store, clock) as planner:
        await store.nodes.put("local", NodeStatus("local", (CPU,)))
        await store.models.put("a", ModelIntent(declared=sim("a", gib=40)))
        await planner.settle()
        plan = await store.plans.get("current")
        assert plan is not None
        assert "needs 40.0 GiB" in plan.unplaced[0].reason


async def test_records_that_another_version_wrote_are_replaced_and_stop_no_plan() -> None:
    clock = VirtualClock()
    async with records(clock) as store:
        for key in ("plans/current", "assignments/local/a/0", "assignments/local/gone/0"):
            await store.store.put(key, '{"assignments": [{"replica": 7}]}')
        async with planning(store, clock) as planner:
            await store.nodes.put("local", NodeStatus("local", (CPU,)))
            await store.models.put("a", ModelIntent(declared=sim("a")))
            await planner.settle()
            assert list(await store.assignments.list()) == ["local/a/0"]
            assert await store.plans.get("current") is not None


async def test_a_model_does_not_become_another_engine_s_while_its_only_gpu_is_lost() -> None:
    clock, gpu = VirtualClock(), Device("GPU-0", "cuda", 0, "some card", 32 * GIB, 0)
    async with records(clock) as store, planning(store, clock) as planner:
        await store.nodes.put("local", NodeStatus("local", (CPU, gpu)))
        await store.models.put("a", ModelIntent(declared=sim("a")))
        await planner.settle()
        before = await store.assignments.list()
        await store.nodes.put("local", NodeStatus("local", (CPU,), lost=("GPU-0",)))
        await planner.settle()
        assert await store.assignments.list() == {}
        plan = await store.plans.get("current")
        assert plan is not None
        assert plan.unplaced[0].reason.startswith("GPU-0 is gone; needs a cuda device")
        await store.nodes.put("local", NodeStatus("local", (CPU, gpu)))
        await planner.settle()
        assert (await store.assignments.list()).keys() == before.keys()
