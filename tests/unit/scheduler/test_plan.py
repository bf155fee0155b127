from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from xinf.core.ledger import book, open_accounts
from xinf.core.nodes import Device, NodeStatus
from xinf.core.placement import EngineConfig, PlacementPlan
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, PlanPolicy, WantedModel

GIB = 1024**3
POLICY = PlanPolicy(reserve_bytes=GIB)


def gpu(index: int, gib: int = 32, kind: str = "cuda") -> Device:
    return Device(f"GPU-{index}", kind, index, "card", gib * GIB, 0)


def model(
    name: str, gib: int = 10, replicas: int = 1, priority: int = 0, fingerprint: str = "f"
) -> WantedModel:
    config = EngineConfig("sim", "sim", "", (name,))
    return WantedModel(name, replicas, priority, "cuda", gib * GIB, config, fingerprint)


def cluster(
    devices: list[Device], wanted: list[WantedModel], current: PlacementPlan | None = None
) -> ClusterSnapshot:
    node = NodeStatus("local", tuple(devices))
    return ClusterSnapshot((node,), tuple(wanted), current or PlacementPlan())


def places(found: PlacementPlan) -> dict[str, tuple[str, ...]]:
    return {entry.replica: entry.devices for entry in found.assignments}


def test_a_model_goes_to_the_least_loaded_device() -> None:
    first = plan(cluster([gpu(0), gpu(1)], [model("a")]), POLICY)
    both = plan(cluster([gpu(0), gpu(1)], [model("a"), model("b")], first), POLICY)
    assert places(both) == {"a/0": ("GPU-0",), "b/0": ("GPU-1",)}


def test_replicas_spread_over_devices() -> None:
    found = plan(cluster([gpu(0), gpu(1)], [model("a", replicas=2)]), POLICY)
    assert sorted(places(found).values()) == [("GPU-0",), ("GPU-1",)]


def test_what_has_a_place_keeps_it_though_another_would_be_better() -> None:
    crowded = plan(cluster([gpu(0)], [model("a"), model("b")]), POLICY)
    roomier = plan(cluster([gpu(0), gpu(1)], [model("a"), model("b")], crowded), POLICY)
    assert places(roomier) == {"a/0": ("GPU-0",), "b/0": ("GPU-0",)}


def test_a_live_replica_keeps_its_memory_claim_until_its_settings_change() -> None:
    before = plan(cluster([gpu(0)], [model("a", gib=10)]), POLICY)
    same = plan(cluster([gpu(0)], [model("a", gib=12)], before), POLICY)
    changed = plan(cluster([gpu(0)], [model("a", gib=12, fingerprint="g")], before), POLICY)
    assert same.assignments[0].memory_bytes == 10 * GIB
    assert changed.assignments[0].memory_bytes == 12 * GIB
    assert changed.assignments[0].devices == before.assignments[0].devices


def test_a_replica_whose_device_is_gone_moves() -> None:
    before = plan(cluster([gpu(0)], [model("a")]), POLICY)
    after = plan(cluster([gpu(1)], [model("a")], before), POLICY)
    assert places(after) == {"a/0": ("GPU-1",)}


def test_higher_priority_is_placed_first_when_memory_is_short() -> None:
    wanted = [model("low", gib=20), model("urgent", gib=20, priority=5)]
    found = plan(cluster([gpu(0)], wanted), POLICY)
    assert places(found) == {"urgent/0": ("GPU-0",)}
    assert [entry.model for entry in found.unplaced] == ["low"]


def test_what_does_not_fit_is_told_by_how_much() -> None:
    found = plan(cluster([gpu(0, gib=32)], [model("big", gib=40)]), POLICY)
    assert found.unplaced[0].short_by_bytes == 9 * GIB
    assert "short by 9.0 GiB" in found.unplaced[0].reason


def test_a_machine_without_such_a_device_is_told() -> None:
    found = plan(cluster([gpu(0, kind="cpu")], [model("a")]), POLICY)
    assert found.unplaced[0].reason == "needs a cuda device and this machine has none"


def test_a_model_that_cannot_be_resolved_is_unplaced_with_its_problem() -> None:
    broken = WantedModel("a", 2, problem="source is nonsense")
    found = plan(cluster([gpu(0)], [broken]), POLICY)
    assert [(entry.replica, entry.reason) for entry in found.unplaced] == [
        ("a/0", "source is nonsense"),
        ("a/1", "source is nonsense"),
    ]


devices = st.lists(st.integers(0, 64), max_size=4).map(
    lambda sizes: [gpu(index, gib) for index, gib in enumerate(sizes)]
)
models = st.lists(
    st.builds(
        model,
        name=st.sampled_from("abcdef"),
        gib=st.integers(0, 40),
        replicas=st.integers(0, 3),
        priority=st.integers(-2, 2),
        fingerprint=st.sampled_from("fg"),
    ),
    max_size=6,
    unique_by=lambda wanted: wanted.name,
)


@given(devices, models, devices, models)
def test_no_device_is_ever_over_committed_and_everything_is_explained(
    first_devices: list[Device],
    first_models: list[WantedModel],
    then_devices: list[Device],
    then_models: list[WantedModel],
) -> None:
    before = plan(cluster(first_devices, first_models), POLICY)
    snapshot = cluster(then_devices, then_models, before)
    found = plan(snapshot, POLICY)

    accounts = book(open_accounts(then_devices, POLICY.reserve_bytes), found.assignments)
    used = {uuid for entry in found.assignments for uuid in entry.devices}
    assert all(accounts[uuid].free >= 0 for uuid in used)

    told = Counter(entry.replica for entry in (*found.assignments, *found.unplaced))
    asked = {f"{wanted.name}/{i}" for wanted in then_models for i in range(wanted.replicas)}
    assert set(told) == asked
    assert max(told.values(), default=1) == 1
    assert all(entry.why for entry in found.assignments)
    assert all(entry.reason for entry in found.unplaced)


@given(devices, models, st.randoms())
def test_the_same_picture_gives_the_same_plan_and_a_plan_in_force_stays(
    on: list[Device], wanted: list[WantedModel], chance: object
) -> None:
    shuffled = list(wanted)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    found = plan(cluster(on, wanted), POLICY)
    assert plan(cluster(on, shuffled), POLICY) == found
    assert places(plan(cluster(on, wanted, found), POLICY)) == places(found)
