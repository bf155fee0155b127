from dataclasses import replace

import pytest

from tests.support.clusters import (
    POLICY,
    cluster,
    engine,
    gpu,
    model,
    places,
    program,
    running,
    shaped,
    unplaced,
)
from xinf.core.nodes import Device
from xinf.core.placement import Obstacle, PlacementPlan
from xinf.core.units import GIB
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import EngineView, WantedModel


def with_game(gib: float, index: int = 0) -> Device:
    return gpu(index, memory_used=int(gib * GIB), processes=(program(gib),))


def on_one_card(*wanted: WantedModel) -> PlacementPlan:
    return plan(cluster([gpu(0)], wanted), POLICY)


A_AND_B = (model("a", 20), model("b", 10, priority=1))


def after(
    before: PlacementPlan,
    gib: float,
    *others: Device,
    wanted: tuple[WantedModel, ...] = A_AND_B,
    engines: tuple[EngineView, ...] | None = None,
) -> PlacementPlan:
    """The plan once a game has taken `gib` of the first card."""
    alive = running(before) if engines is None else engines
    # Each engine is seen to hold what it was promised, so that nothing has to be guessed.
    ours = [
        replace(program(entry.memory_bytes / GIB, "engine", 900 + number), owner=entry.replica)
        for number, entry in enumerate(before.assignments)
    ]
    first = with_game(gib)
    first = replace(
        first,
        memory_used=first.memory_used + sum(process.memory_bytes for process in ours),
        processes=(*first.processes, *ours),
    )
    return plan(cluster([first, *others], wanted, before, alive), POLICY)


def test_the_least_important_idle_replica_gives_way_and_names_who_took_its_memory() -> None:
    found = after(on_one_card(*A_AND_B), 4)
    assert places(found) == {"b/0": ("GPU-0",)}
    told = unplaced(found)["a/0"]
    assert told.obstacle is Obstacle.YIELDED
    assert told.cause == "gave way on cuda:0, where game (pid 4242) holds 4.0 GiB"
    assert told.reason.startswith(told.cause)
    assert told.may_fit_later


def test_it_moves_to_another_device_if_there_is_room() -> None:
    found = after(on_one_card(*A_AND_B), 4, gpu(1))
    assert places(found) == {"a/0": ("GPU-1",), "b/0": ("GPU-0",)}
    assert "moved: gave way on cuda:0, where game" in found.assignments[0].why


def test_a_busy_replica_is_left_alone() -> None:
    before = on_one_card(*A_AND_B)
    busy = (engine("a/0", "GPU-0", is_busy=True), engine("b/0", "GPU-0"))
    assert places(after(before, 4, engines=busy)) == {"a/0": ("GPU-0",)}
    all_busy = tuple(replace(each, is_busy=True) for each in busy)
    assert after(before, 30, engines=all_busy) == before


def test_of_equals_the_longest_unused_gives_way_and_pinned_ones_last() -> None:
    wanted = (model("a", 10), model("b", 10), model("c", 10))
    before = on_one_card(*wanted)
    used = {"a/0": 900.0, "b/0": 100.0, "c/0": 500.0}
    engines = tuple(replace(each, last_used=used[each.replica]) for each in running(before))
    assert set(unplaced(after(before, 4, wanted=wanted, engines=engines))) == {"b/0"}
    pinned = (wanted[0], model("b", 10, is_pinned=True), wanted[2])
    assert set(unplaced(after(before, 4, wanted=pinned, engines=engines))) == {"c/0"}
    assert set(unplaced(after(before, 30, wanted=pinned, engines=engines))) == {"a/0", "b/0", "c/0"}


def test_a_model_that_takes_any_context_starts_anew_with_a_shorter_one_and_the_plan_rests() -> None:
    elastic = shaped("e", 16, is_context_auto=True)
    before = on_one_card(elastic)
    context, size = before.assignments[0].context, before.assignments[0].memory_bytes
    engines = running(before, context=context, memory={"GPU-0": size})
    once = after(before, 4, wanted=(elastic,), engines=engines)
    (entry,) = once.assignments
    assert entry.shortens(context)
    assert entry.memory_bytes <= 27 * GIB
    assert entry.why.startswith("starts anew where it was: gave way on cuda:0, where game")

    # Its engine is still there with all that it held, which is no reason to plan anything else.
    ours = replace(program(size / GIB, "engine", 900), owner="e/0")
    full = replace(with_game(4), memory_used=4 * GIB + size)
    full = replace(full, processes=(*full.processes, ours))
    for is_busy in (False, True):
        views = tuple(replace(each, is_busy=is_busy) for each in engines)
        assert plan(cluster([full], (elastic,), once, views), POLICY) == once


def test_nobody_leaves_whose_memory_is_not_needed() -> None:
    wanted = (model("small", 2), model("large", 25, priority=1))
    assert set(unplaced(after(on_one_card(*wanted), 12, wanted=wanted))) == {"large/0"}


@pytest.mark.parametrize(("gib", "stays"), [(1.0, True), (1.4, True), (1.6, False)])
def test_what_runs_stays_until_others_have_eaten_half_of_the_reserve(
    gib: float, stays: bool
) -> None:
    """32 - 30 = 2 GiB beside the models, of which 1 is the reserve."""
    found = after(on_one_card(*A_AND_B), gib)
    assert ("a/0" in places(found)) == stays


def test_it_comes_back_only_when_it_fits_beside_the_whole_reserve() -> None:
    gone = after(on_one_card(*A_AND_B), 4)
    assert "a/0" in unplaced(after(gone, 1.4))
    assert unplaced(after(gone, 1.4))["a/0"].obstacle is Obstacle.YIELDED
    assert places(after(gone, 1)) == {"a/0": ("GPU-0",), "b/0": ("GPU-0",)}


def test_a_device_that_hides_its_processes_says_that_it_is_a_guess() -> None:
    before = on_one_card(*A_AND_B)
    hidden = gpu(0, memory_used=32 * GIB, hides_processes=True)
    found = plan(cluster([hidden], A_AND_B, before, running(before)), POLICY)
    assert "others hold 2.0 GiB (inferred)" in unplaced(found)["a/0"].reason


@pytest.mark.parametrize(("more", "stays"), [(0.9, True), (1.1, False)])
def test_what_was_measured_stops_nobody_until_all_of_the_reserve_is_gone(
    more: float, stays: bool
) -> None:
    """32 - 30 = 2 GiB beside the models, of which 1 is the reserve; a measurement came in, too."""
    before = on_one_card(*A_AND_B)
    size = int((11 + more) * GIB)
    wanted = (A_AND_B[0], replace(A_AND_B[1], measured={"card": size}))
    grown = (engine("a/0", "GPU-0"), engine("b/0", "GPU-0", memory={"GPU-0": size}))
    assert ("a/0" in places(after(before, 0, wanted=wanted, engines=grown))) == stays


def test_models_that_took_more_than_planned_are_not_blamed_on_others() -> None:
    before = on_one_card(*A_AND_B)
    grown = (engine("a/0", "GPU-0"), engine("b/0", "GPU-0", memory={"GPU-0": 13 * GIB}))
    told = unplaced(after(before, 0.5, engines=grown))["a/0"]
    assert told.cause == "gave way on cuda:0, where models hold 3.0 GiB more than planned"


def test_a_larger_reserve_is_room_that_models_give_back() -> None:
    before = on_one_card(*A_AND_B)
    snapshot = cluster([gpu(0)], A_AND_B, before, running(before))
    found = plan(snapshot, replace(POLICY, reserve_bytes=8 * GIB))
    assert unplaced(found)["a/0"].cause == (
        "gave way on cuda:0, which has less memory for models than before"
    )
