from tests.support.clusters import (
    POLICY,
    cluster,
    demand,
    engine,
    gpu,
    model,
    program,
    running,
    shaped,
    unplaced,
)
from xinf.core.memory import Sizing
from xinf.core.placement import Obstacle
from xinf.core.units import GIB
from xinf.scheduler.plan import plan
from xinf.scheduler.refusals import HELPED


def test_the_arithmetic_names_each_device_its_holders_and_what_they_do() -> None:
    held = [model("a", 20, is_pinned=True), model("b", 8)]
    before = plan(cluster([gpu(0)], held), POLICY)
    engines = (engine("a/0", "GPU-0", is_busy=True), engine("b/0", "GPU-0"))
    found = plan(cluster([gpu(0)], [*held, model("c", 12)], before, engines), POLICY)
    told = unplaced(found)["c/0"]
    assert told.obstacle is Obstacle.NO_ROOM
    assert told.needs_bytes == 12 * GIB
    assert told.short_by_bytes == 9 * GIB
    assert told.reason == (
        "needs 12.0 GiB (declared); cuda:0: 32.0 GiB - 1.0 GiB reserve - 20.0 GiB a/0 (busy, "
        "pinned) - 8.0 GiB b/0 (idle) = 3.0 GiB free; short by 9.0 GiB"
    )


def test_what_others_hold_is_part_of_it() -> None:
    card = gpu(0, memory_used=30 * GIB, processes=(program(30),))
    told = unplaced(plan(cluster([card], [model("a", 10)]), POLICY))["a/0"]
    assert "32.0 GiB - 1.0 GiB reserve - 30.0 GiB others = 1.0 GiB free" in told.reason


def test_too_large_for_an_empty_machine_is_another_thing_than_no_room() -> None:
    card = gpu(0, memory_used=30 * GIB, processes=(program(30),))
    told = unplaced(plan(cluster([card], [model("a", 40)]), POLICY))["a/0"]
    assert told.obstacle is Obstacle.TOO_LARGE
    assert not told.may_fit_later
    assert told.reason == (
        "needs 40.0 GiB (declared); cuda:0, the roomiest, has 31.0 GiB for models when it is "
        "empty; short by 9.0 GiB"
    )


def test_on_several_devices_the_need_is_that_of_each() -> None:
    wide = shaped("wide", 80, sizing=Sizing(4096, devices=2))
    told = unplaced(plan(cluster([gpu(0), gpu(1)], [wide]), POLICY))["wide/0"]
    assert told.reason.startswith("needs 40.2 GiB on each of 2 devices (estimated)")


def test_many_devices_and_holders_are_counted_instead_of_named() -> None:
    cards = [gpu(index, 8) for index in range(8)]
    held = [model(f"m{index}", 1, pins=("GPU-0",)) for index in range(7)]
    big = model("z", 6.5, replicas=8)
    told = unplaced(plan(cluster(cards, [*held, big]), POLICY))["z/7"]
    assert "4 more devices have less" in told.reason
    one = unplaced(plan(cluster(cards[:1], [*held, model("z", 4)]), POLICY))["z/0"]
    assert "- 3.0 GiB 3 more = 0 B free" in one.reason


def test_what_would_help_is_told_to_the_first_hundred() -> None:
    wanted = [shaped(f"m{number:03d}", 20, 128 * 1024) for number in range(HELPED + 5)]
    found = plan(cluster([gpu(0)], wanted), POLICY).unplaced
    assert [bool(each.nearest_fit) for each in found] == [True] * HELPED + [False] * 5


def test_a_model_that_is_asked_for_is_told_to_be() -> None:
    held = model("a", 20, demand=demand(since=1))
    before = plan(cluster([gpu(0)], [held]), POLICY)
    other = model("b", 20, demand=demand())
    found = plan(cluster([gpu(0)], [held, other], before, running(before)), POLICY)
    assert "a/0 (idle, asked for)" in unplaced(found)["b/0"].reason
