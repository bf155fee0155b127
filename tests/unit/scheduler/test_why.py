from __future__ import annotations

from dataclasses import replace

from xinf.core.memory import Basis, CacheGroup, MemoryShape, Sizing
from xinf.core.nodes import Device, NodeStatus
from xinf.core.placement import AppliedRule, EngineConfig, PlacementPlan, ReplicaAssignment
from xinf.core.states import EngineState
from xinf.core.units import GIB
from xinf.core.why import Holder
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, EngineView, PlanPolicy, WantedModel
from xinf.scheduler.why import seating

A = Device("GPU-a", "cuda", 0, "NVIDIA A", 32 * GIB, 0)
B = Device("GPU-b", "cuda", 1, "NVIDIA B", 32 * GIB, 2 * GIB)
CPU = Device("cpu", "cpu", 0, "a CPU", 64 * GIB, 0)
CONFIG = EngineConfig("vllm", "vllm-cuda", "hf:a/b", ("m",), context=4096)
POLICY = PlanPolicy(reserve_bytes=GIB)
SHAPE = MemoryShape(weights=10 * GIB, cache=(CacheGroup(1, 1024),), overhead=GIB)


def wanted(name: str = "m", **changes: object) -> WantedModel:
    plain = WantedModel(
        name, 1, device_kind="cuda", memory_bytes=4 * GIB, config=CONFIG, fingerprint="f"
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def snapshot(*models: WantedModel, engines: tuple[EngineView, ...] = ()) -> ClusterSnapshot:
    """With the plan for it in force."""
    node = NodeStatus("local", (CPU, B, A))
    made = ClusterSnapshot((node,), models, PlacementPlan(), engines)
    return replace(made, current=plan(made, POLICY))


def test_a_placed_model_tells_where_why_and_what_was_set_for_it() -> None:
    rule = AppliedRule("r", "because", "https://example.org")
    place = ReplicaAssignment(
        "m/0", "m", "local", ("GPU-b",), 4 * GIB, CONFIG, "f", "the emptiest", rules=(rule,)
    )
    found = seating(replace(snapshot(wanted()), current=PlacementPlan((place,))), POLICY, "m")
    (story,) = found.replicas
    assert (story.devices, story.bytes, story.why) == (("cuda:1",), 4 * GIB, "the emptiest")
    assert (story.context, story.rules, story.state) == (4096, (rule,), None)
    assert found.unplaced == ()


def test_each_device_is_a_sum_that_adds_up() -> None:
    busy = EngineView("m/0", EngineState.READY, ("GPU-a",), "f", {"GPU-a": 5 * GIB}, is_busy=True)
    found = seating(snapshot(wanted(is_pinned=True), engines=(busy,)), POLICY, "m")
    assert [room.id for room in found.rooms] == ["cuda:0", "cuda:1"]
    for room in found.rooms:
        held = sum(holder.bytes for holder in room.holders)
        assert room.total - room.reserve - room.foreign - held == room.free
    holders = [holder for room in found.rooms for holder in room.holders]
    assert [(each.replica, each.is_busy, each.is_pinned) for each in holders] == [
        ("m/0", True, True)
    ]
    assert found.rooms[1].foreign == 2 * GIB


def test_what_has_no_place_tells_what_it_needs_and_who_holds_the_devices() -> None:
    big = wanted("big", memory_bytes=33 * GIB, fingerprint="g")
    found = seating(snapshot(wanted(), big), POLICY, "big")
    assert [entry.replica for entry in found.unplaced] == ["big/0"]
    assert found.need is not None
    assert (found.need.basis, found.need.bytes) == (Basis.DECLARED, 33 * GIB)
    holders = [holder.replica for room in found.rooms for holder in room.holders]
    assert holders == ["m/0"]


def test_a_need_is_told_in_parts_that_add_up() -> None:
    model = wanted(memory_bytes=0, shape=SHAPE, sizing=Sizing(context=8192, sequences=2))
    need = seating(snapshot(model), POLICY, "m").need
    assert need is not None
    assert [name for name, _ in need.parts] == ["weights", "KV cache", "engine"]
    assert sum(size for _, size in need.parts) == need.bytes
    assert (need.basis, need.context, need.devices) == (SHAPE.basis, 8192, 1)


def test_what_was_measured_is_told_as_measured_and_without_parts() -> None:
    sizing = Sizing(context=8192)
    model = wanted(shape=SHAPE, sizing=sizing, measured={"NVIDIA A": 12 * GIB, "NVIDIA B": GIB})
    need = seating(snapshot(model), POLICY, "m").need
    assert need is not None
    assert (need.basis, need.parts) == (Basis.MEASURED, ())


def test_a_model_that_nobody_knows_how_to_run_has_no_need() -> None:
    model = wanted(config=None, problem="no engine for it", device_kind="")
    found = seating(snapshot(model), POLICY, "m")
    assert found.need is None
    assert found.unplaced[0].reason == "no engine for it"
    assert found.rooms == ()


def test_a_holder_counts_with_what_it_is_promised_until_it_is_seen() -> None:
    found = seating(snapshot(wanted()), POLICY, "m")
    holders = [holder for room in found.rooms for holder in room.holders]
    assert holders == [Holder("m/0", 4 * GIB)]
