import pytest

from tests.support.clock import VirtualClock
from tests.support.plane import planning
from tests.support.store import records
from xinf.core.models import ModelIntent, ModelSpec, Override, SimSpec
from xinf.core.nodes import Device, NodeStatus
from xinf.core.units import GIB
from xinf.daemon.planner import wanted_model

CPU = Device("cpu", "cpu", 0, "some cpu", 16 * GIB, 0)
KINDS = frozenset({"cpu"})


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


def test_a_model_that_nothing_can_run_carries_its_problem() -> None:
    intent = ModelIntent(declared=ModelSpec("a", source="nonsense"))
    found = wanted_model("a", intent, KINDS, {})
    assert found.config is None
    assert found.problem


def test_a_changed_setting_changes_the_fingerprint_and_a_priority_does_not() -> None:
    def fingerprint(**more: object) -> str:
        return wanted_model("a", ModelIntent(declared=sim("a", **more)), KINDS, {}).fingerprint

    assert fingerprint() == fingerprint(priority=5, replicas=3)
    assert fingerprint() != fingerprint(engine_args={"parallel": 4})
    assert fingerprint() != fingerprint(env={"A": "b"})


def test_a_model_s_own_arguments_win_over_the_engine_s() -> None:
    spec = sim("a", engine_args={"parallel": 4})
    defaults = {"sim": {"parallel": 8, "block_size": 32}}
    config = wanted_model("a", ModelIntent(declared=spec), KINDS, defaults).config
    assert config is not None
    assert config.args["parallel"] == 4


@pytest.mark.parametrize(("kinds", "told"), [({"cpu"}, True), ({"cpu", "cuda"}, False)])
def test_the_size_of_a_cache_is_a_setting_on_the_cpu_and_the_plan_s_on_a_gpu(
    kinds: set[str], told: bool
) -> None:
    defaults = {"vllm": {"kv_cache_memory_bytes": 7, "max_num_seqs": 8}}
    spec = ModelSpec("a", source="hf:org/name")
    config = wanted_model("a", ModelIntent(declared=spec), frozenset(kinds), defaults).config
    assert config is not None
    assert config.args == {"max_num_seqs": 8, **({"kv_cache_memory_bytes": 7} if told else {})}


def test_a_wrong_argument_reaches_vllm_which_refuses_it() -> None:
    spec = ModelSpec("a", source="hf:org/name", engine_args={"context": 5})
    config = wanted_model("a", ModelIntent(declared=spec), KINDS, {}).config
    assert config is not None
    assert config.args == {"context": 5}
