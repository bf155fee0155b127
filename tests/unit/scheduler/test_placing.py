from dataclasses import replace
from typing import Any

import pytest

from tests.support.clusters import (
    NOW,
    POLICY,
    cluster,
    demand,
    engine,
    gpu,
    model,
    places,
    running,
    shaped,
    unplaced,
)
from xinf.core.models import Activation
from xinf.core.placement import Obstacle, PlacementPlan
from xinf.core.states import EngineState
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, EngineView, WantedModel

ASKED = model("asked", 20, demand=demand())


def full(*there: WantedModel) -> PlacementPlan:
    return plan(cluster([gpu(0)], there), POLICY)


def entering(
    before: PlacementPlan, *wanted: WantedModel, engines: tuple[EngineView, ...] | None = None
) -> ClusterSnapshot:
    alive = running(before) if engines is None else engines
    return cluster([gpu(0)], wanted, before, alive)


def test_an_idle_model_makes_room_for_one_that_requests_wait_for() -> None:
    idle = model("idle", 20)
    found = plan(entering(full(idle), idle, ASKED), POLICY)
    assert places(found) == {"asked/0": ("GPU-0",)}
    assert "in place of idle/0" in found.assignments[0].why
    told = unplaced(found)["idle/0"]
    assert told.obstacle is Obstacle.EVICTED
    assert told.cause == "made room for asked/0, for which requests wait"
    assert told.may_fit_later


@pytest.mark.parametrize(
    ("there", "engine_is"),
    [
        ({}, {"is_busy": True}),
        ({"is_pinned": True}, {}),
        ({"demand": demand(since=1.0)}, {}),
        ({"priority": 1}, {}),
        ({"idle_s": 60.0}, {"last_used": NOW - 30}),
        ({}, {"since": NOW - 10}),
        ({}, {"state": EngineState.LOADING}),
    ],
)
def test_some_models_are_never_in_the_way(there: dict[str, Any], engine_is: dict[str, Any]) -> None:
    """Busy, pinned, asked for, more important, used lately, just come, or still loading."""
    held = model("held", 20, **there)
    engines = (engine("held/0", "GPU-0", **engine_is),)
    policy = replace(POLICY, residence_s=20.0)
    found = plan(entering(full(held), held, ASKED, engines=engines), policy)
    assert places(found) == {"held/0": ("GPU-0",)}
    assert unplaced(found)["asked/0"].obstacle is Obstacle.NO_ROOM


def test_only_requests_and_importance_make_others_leave() -> None:
    held = model("held", 20)
    before = full(held)
    for more, enters in [
        ({}, False),
        ({"activation": Activation.PRELOAD}, False),
        ({"activation": Activation.PRELOAD, "priority": 1}, True),
        ({"priority": 1}, True),
    ]:
        newcomer = model("new", 20, **more)
        assert ("new/0" in places(plan(entering(before, held, newcomer), POLICY))) == enters


def test_a_second_copy_has_no_right_to_the_place_of_another_model() -> None:
    asked = model("asked", 10, replicas=2, demand=demand())
    held = model("held", 20)
    before = plan(cluster([gpu(0)], [held, replace(asked, replicas=1)]), POLICY)
    found = plan(entering(before, held, asked), POLICY)
    assert set(places(found)) == {"asked/0", "held/0"}


def test_a_model_is_loaded_on_demand_only_when_it_is_asked_for() -> None:
    lazy = model("lazy", activation=Activation.ON_DEMAND)
    found = plan(cluster([gpu(0)], [lazy]), POLICY)
    assert unplaced(found)["lazy/0"].obstacle is Obstacle.ON_DEMAND
    assert unplaced(found)["lazy/0"].reason == "is loaded when a request asks for it"
    loaded = plan(cluster([gpu(0)], [replace(lazy, demand=demand())]), POLICY)
    assert places(loaded) == {"lazy/0": ("GPU-0",)}
    assert plan(entering(loaded, lazy), POLICY) == loaded  # nobody asks any more: it stays


def test_a_model_that_can_never_fit_says_so_before_anybody_asks() -> None:
    lazy = model("lazy", 99, activation=Activation.ON_DEMAND)
    found = plan(cluster([gpu(0)], [lazy]), POLICY)
    assert unplaced(found)["lazy/0"].obstacle is Obstacle.TOO_LARGE


def test_who_was_evicted_is_known_to_have_been_until_it_has_a_place_again() -> None:
    idle = model("idle", 20)
    once = plan(entering(full(idle), idle, ASKED), POLICY)
    twice = plan(entering(once, idle, ASKED), POLICY)
    assert twice == once
    back = plan(entering(once, idle), POLICY)
    assert places(back) == {"idle/0": ("GPU-0",)}


def test_room_that_an_eviction_leaves_over_is_used() -> None:
    """`small` is asked first, and finds no room until `large` has gone."""
    large, small = model("large", 30), model("small", 8)
    asked = model("asked", 20, demand=demand(), priority=-1)
    first = replace(small, activation=Activation.PRELOAD, priority=-5)
    held = replace(large, priority=-1)
    found = plan(entering(full(held), held, asked, first), POLICY)
    assert places(found) == {"asked/0": ("GPU-0",), "small/0": ("GPU-0",)}


def test_who_must_leave_goes_to_another_device_if_there_is_room() -> None:
    held = model("held", 20)
    before = plan(cluster([gpu(0)], [held]), POLICY)
    pinned = model("asked", 20, demand=demand(), pins=("GPU-0",))
    snapshot = cluster([gpu(0), gpu(1)], [held, pinned], before, running(before))
    found = plan(snapshot, POLICY)
    assert places(found) == {"asked/0": ("GPU-0",), "held/0": ("GPU-1",)}
    assert "moved: made room for asked/0" in found.assignments[1].why


def test_a_model_that_spans_devices_leaves_all_of_them() -> None:
    cards = [gpu(0), gpu(1)]
    wide = model("wide", 20, pins=("GPU-0", "GPU-1"))
    before = plan(cluster(cards, [wide]), POLICY)
    found = plan(cluster(cards, [wide, ASKED], before, running(before)), POLICY)
    assert places(found) == {"asked/0": ("GPU-0",)}


def test_one_that_was_only_just_placed_is_not_said_to_have_been_evicted() -> None:
    early = model("early", 20, activation=Activation.PRELOAD)
    found = plan(cluster([gpu(0)], [early, ASKED]), POLICY)
    assert places(found) == {"asked/0": ("GPU-0",)}
    assert unplaced(found)["early/0"].obstacle is Obstacle.NO_ROOM


def test_a_model_that_takes_any_context_makes_room_by_starting_anew_with_a_shorter_one() -> None:
    any_size = shaped("any", 10, is_context_auto=True)
    asked = model("asked", 8, demand=demand())
    before = full(any_size)
    context = before.assignments[0].context
    alive = running(before, context=context)
    found = plan(entering(before, any_size, asked, engines=alive), POLICY)
    smaller = found.assignments[0]
    assert places(found) == {"any/0": ("GPU-0",), "asked/0": ("GPU-0",)}
    assert smaller.shortens(context)
    assert smaller.why.startswith("starts anew where it was: made room for asked/0")
    # What its engine still holds is about to go, and no reason to plan anything else.
    assert plan(entering(found, any_size, asked, engines=alive), POLICY) == found
