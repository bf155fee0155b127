from collections import Counter
from dataclasses import replace
from random import Random
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clusters import POLICY, cluster, gpu, model, places
from tests.support.worlds import World, policies, turns, worlds
from xinf.core.ledger import book, open_accounts
from xinf.core.placement import FOR_OTHERS, Obstacle, PlacementPlan, ReplicaAssignment
from xinf.core.units import GIB
from xinf.scheduler.holdings import claim, foreign, judge_foreign
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, PlanPolicy, WantedModel

T = TypeVar("T")


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


Turn = tuple[ClusterSnapshot, PlanPolicy]


@settings(max_examples=40)
@given(turns(plan))
def test_everything_is_explained_and_nothing_is_told_twice(turn: Turn) -> None:
    snapshot, policy = turn
    found = plan(snapshot, policy)
    told = Counter(entry.replica for entry in (*found.assignments, *found.unplaced))
    asked = {f"{each.name}/{i}" for each in snapshot.wanted for i in range(each.replicas)}
    assert set(told) == asked
    assert max(told.values(), default=1) == 1
    assert all(entry.why for entry in found.assignments)
    assert all(entry.reason for entry in found.unplaced)
    assert all(entry.obstacle is not Obstacle.YIELDED or entry.cause for entry in found.unplaced)


@settings(max_examples=40)
@given(turns(plan))
def test_nothing_new_is_placed_on_a_device_that_has_no_room_for_it(turn: Turn) -> None:
    """What runs may be there beyond the room: when it is busy, or within half of the reserve."""
    snapshot, policy = turn
    found = plan(snapshot, policy)
    held = {entry.replica: entry for entry in snapshot.current.assignments}
    engines = {each.replica: each for each in snapshot.engines}
    devices = {device.uuid: device for node in snapshot.nodes for device in node.devices}
    accounts = open_accounts(devices.values(), policy.reserve_bytes, judge_foreign(snapshot))
    for uuid, account in accounts.items():
        here = [entry for entry in found.assignments if uuid in entry.devices]
        claims = [claim(each, devices[uuid], engines.get(each.replica)) for each in here]
        left = account.budget - sum(claims)
        new = [each for each in here if held.get(each.replica) != each and each.memory_bytes]
        if left < 0:
            assert [each for each in new if not _keeps(held.get(each.replica), each)] == []
        if left < -policy.reserve_bytes // 2:
            idle = [
                each.replica
                for each, size in zip(here, claims, strict=True)
                if size and not (each.replica in engines and engines[each.replica].is_busy)
            ]
            assert idle == []


def _keeps(before: ReplicaAssignment | None, after: ReplicaAssignment) -> bool:
    """Whether a running replica only was told other settings that need no restart."""
    return before is not None and replace(before, config=after.config) == after


@settings(max_examples=40)
@given(turns(plan), st.randoms())
def test_the_same_picture_in_any_order_gives_the_same_plan(turn: Turn, chance: Random) -> None:
    snapshot, policy = turn

    def shuffled(items: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(chance.sample(items, len(items)))

    mixed = replace(
        snapshot,
        nodes=tuple(
            replace(node, devices=shuffled(node.devices)) for node in shuffled(snapshot.nodes)
        ),
        wanted=shuffled(snapshot.wanted),
        engines=shuffled(snapshot.engines),
        current=PlacementPlan(
            shuffled(snapshot.current.assignments), shuffled(snapshot.current.unplaced)
        ),
    )
    assert plan(mixed, policy) == plan(snapshot, policy)


@settings(max_examples=40)
@given(turns(plan))
def test_a_plan_in_force_stays_word_for_word(turn: Turn) -> None:
    """While what others hold is the same. Sizes of engines are as promised; see worlds.alive."""
    snapshot, policy = turn
    found = plan(snapshot, policy)
    again = replace(snapshot, current=found, foreign_before=foreign(snapshot))
    if foreign(again) == foreign(snapshot):
        assert plan(again, policy) == found


@settings(max_examples=40)
@given(turns(plan))
def test_busy_replicas_leave_only_where_it_is_required_and_pinned_ones_not_for_models(
    turn: Turn,
) -> None:
    snapshot, policy = turn
    found = plan(snapshot, policy)
    lost = {entry.replica: entry for entry in found.unplaced if entry.obstacle in FOR_OTHERS}
    held = {entry.replica for entry in snapshot.current.assignments}
    busy = {each.replica for each in snapshot.engines if each.is_busy}
    pinned = {each.name for each in snapshot.wanted if each.is_pinned}
    evicted = [each for each in lost.values() if each.obstacle is Obstacle.EVICTED]
    assert not lost.keys() & busy & held
    assert not [each for each in evicted if each.model in pinned]


@settings(max_examples=40)
@given(turns(plan))
def test_replicas_stay_where_they_are_unless_something_else_is_required(turn: Turn) -> None:
    """Whoever moves says what made it."""
    snapshot, policy = turn
    held = {entry.replica: entry for entry in snapshot.current.assignments}
    for entry in plan(snapshot, policy).assignments:
        before = held.get(entry.replica)
        if before is not None and before.devices != entry.devices:
            assert entry.why.startswith("moved: ")


@settings(max_examples=40)
@given(worlds(), policies)
def test_any_strategy_places_whatever_fits_into_an_empty_machine(
    world: World, policy: PlanPolicy
) -> None:
    """Nobody is refused for want of room while a device has it."""
    found = plan(world.snapshot(), policy)
    accounts = open_accounts(world.devices, policy.reserve_bytes, judge_foreign(world.snapshot()))
    accounts = book(accounts, found.assignments)
    refused = [entry for entry in found.unplaced if entry.obstacle is Obstacle.NO_ROOM]
    for entry in refused:
        assert entry.short_by_bytes > 0
        able = next(each for each in world.wanted if each.name == entry.model)
        is_plain = not (able.pins or able.verdicts or able.measured)
        if is_plain and able.sizing.devices == 1:
            same = [device for device in world.devices if device.kind == able.device_kind]
            assert all(accounts[device.uuid].free < entry.needs_bytes for device in same)
