from dataclasses import replace
from typing import Any

import pytest

from tests.support.clusters import (
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
from xinf.core.memory import Sizing
from xinf.core.placement import Obstacle, PlacementPlan
from xinf.core.states import EngineState
from xinf.core.units import GIB
from xinf.core.workload import Verdict
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import WantedModel


def again(before: PlacementPlan, *wanted: WantedModel, cards: int = 2) -> PlacementPlan:
    devices = [gpu(index) for index in range(cards)]
    return plan(cluster(devices, wanted, before, running(before)), POLICY)


def first(*wanted: WantedModel) -> PlacementPlan:
    return plan(cluster([gpu(0), gpu(1)], wanted), POLICY)


def test_what_runs_stays_though_another_place_would_be_better() -> None:
    before = plan(cluster([gpu(0)], [model("a"), model("b")]), POLICY)
    assert again(before, model("a"), model("b")) == before


def test_a_model_that_has_grown_takes_nothing_from_those_that_run() -> None:
    before = plan(cluster([gpu(0)], [model("big", 15, priority=9), model("b", 10)]), POLICY)
    wanted = [model("big", 25, priority=9, fingerprint="g"), model("b", 10)]
    found = again(before, *wanted)
    assert places(found) == {"b/0": ("GPU-0",), "big/0": ("GPU-1",)}
    assert "moved: no room with its new settings on cuda:0" in found.assignments[1].why


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"pins": ("GPU-1",)}, "it is pinned elsewhere now"),
        ({"verdicts": {"GPU-0": Verdict(refusal="too old")}}, "cuda:0 cannot run it any more"),
    ],
)
def test_what_can_no_longer_be_where_it_is_moves_and_says_why(
    more: dict[str, Any], why: str
) -> None:
    found = again(first(model("a")), model("a", **more))
    assert places(found) == {"a/0": ("GPU-1",)}
    assert why in found.assignments[0].why


def test_a_replica_that_takes_another_number_of_devices_is_placed_anew() -> None:
    before = first(shaped("a", 10))
    found = again(before, shaped("a", 10, sizing=Sizing(4096, devices=2)))
    assert places(found) == {"a/0": ("GPU-0", "GPU-1")}


def test_a_replica_without_its_device_says_so_for_as_long_as_it_has_no_place() -> None:
    lost = again(first(model("a")), model("a"), cards=0)
    told = unplaced(lost)["a/0"]
    assert told.obstacle is Obstacle.NO_DEVICE
    assert told.reason == "GPU-0 is gone; needs a cuda device and this machine has none"
    assert again(lost, model("a"), cards=0) == lost
    assert places(again(lost, model("a"))) == {"a/0": ("GPU-0",)}


def test_a_live_replica_keeps_its_numbers_whatever_was_measured() -> None:
    before = first(model("a", 10))
    assert again(before, model("a", 10, measured={"card": 12 * GIB})) == before


@pytest.mark.parametrize("state", [EngineState.STOPPED, EngineState.BACKOFF, EngineState.FAILED])
def test_what_was_measured_applies_once_the_engine_has_ended(state: EngineState) -> None:
    before = first(model("a", 10))
    ended = [engine("a/0", "GPU-0", state=state)]
    measured = model("a", 10, measured={"card": 12 * GIB})
    found = plan(cluster([gpu(0), gpu(1)], [measured], before, ended), POLICY)
    assert found.assignments[0].memory_bytes == 12 * GIB
    assert "was measured at 12.0 GiB" in found.assignments[0].why


def test_what_runs_goes_on_while_its_files_are_looked_at_again() -> None:
    before = first(model("a"))
    pending = replace(model("a", fingerprint="g"), config=None, is_pending=True)
    assert places(again(before, pending)) == {"a/0": ("GPU-0",)}
    assert unplaced(again(before, pending, cards=0))["a/0"].obstacle is Obstacle.UNKNOWN_SIZE


def test_a_model_that_nobody_can_make_sense_of_any_more_is_stopped() -> None:
    found = again(first(model("a")), replace(model("a"), problem="source is nonsense"))
    assert places(found) == {}
    assert unplaced(found)["a/0"].reason == "source is nonsense"


def test_what_took_more_than_an_empty_device_has_for_models_can_start_there_again() -> None:
    ran = shaped("a", 29, context=8192, measured={"card": int(31.4 * GIB)})
    found = plan(cluster([gpu(0)], [ran]), POLICY)
    assert found.assignments[0].memory_bytes == 31 * GIB
    assert found.assignments[0].cache_bytes == GIB
    larger = replace(ran, measured={"card": 33 * GIB})
    assert unplaced(plan(cluster([gpu(0)], [larger]), POLICY))["a/0"].needs_bytes == 33 * GIB
    never = shaped("a", 31, context=8192, measured={"card": int(31.4 * GIB)})
    assert unplaced(plan(cluster([gpu(0)], [never]), POLICY))["a/0"].obstacle is Obstacle.TOO_LARGE


def test_one_that_made_room_and_stays_after_all_takes_what_it_was_measured_to_take() -> None:
    early = model("early", 15)
    before = plan(cluster([gpu(0)], [early, model("other", 15)]), POLICY)
    resting = [replace(each, state=EngineState.BACKOFF) for each in running(before)]
    measured = replace(early, measured={"card": int(15.5 * GIB)}, demand=demand())
    found = plan(cluster([gpu(0)], [measured, model("other", 15)], before, resting), POLICY)
    sizes = {entry.replica: entry.memory_bytes for entry in found.assignments}
    assert sizes["early/0"] == int(15.5 * GIB)


@pytest.mark.parametrize(("gib", "stays"), [(15.4, True), (15.6, True), (16.6, False)])
def test_one_that_ended_does_not_lose_its_place_to_a_little_that_was_measured_of_it(
    gib: float, stays: bool
) -> None:
    """31 GiB for models, of which the other has 15.5; half of the reserve is another half."""
    other = model("other", 15.5)
    before = plan(cluster([gpu(0)], [model("a", 15), other]), POLICY)
    a, beside = running(before)
    ended = [replace(a, state=EngineState.BACKOFF), beside]
    measured = model("a", 15, measured={"card": int(gib * GIB)})
    found = plan(cluster([gpu(0)], [measured, other], before, ended), POLICY)
    assert ("a/0" in places(found)) == stays
    if not stays:
        told = "no room for what it was measured to take on cuda:0"
        assert unplaced(found)["a/0"].cause == told
