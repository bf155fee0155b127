from dataclasses import replace

import pytest

from tests.support.clusters import POLICY, READY, cluster, engine, gpu, model, program
from xinf.core.nodes import Device, DeviceProcess
from xinf.core.placement import PlacementPlan
from xinf.core.states import EngineState
from xinf.core.units import GIB, MIB
from xinf.scheduler.holdings import claim, foreign, is_of, judge_foreign
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, EngineView

LOADING = EngineState.LOADING


def ours(gib: float, replica: str = "a/0") -> DeviceProcess:
    return DeviceProcess(77, "engine", int(gib * GIB), owner=replica)


def told(used: float, *processes: DeviceProcess, **more: object) -> Device:
    return gpu(0, memory_used=int(used * GIB), processes=processes, **more)


def in_force() -> PlacementPlan:
    """a/0 of 10 GiB on GPU-0."""
    return plan(cluster([gpu(0)], [model("a")]), POLICY)


def seen(device: Device, *engines: EngineView, before: float | None = None) -> ClusterSnapshot:
    known = {} if before is None else {device.uuid: int(before * GIB)}
    return cluster([device], [model("a")], in_force(), engines, foreign_before=known)


def held(snapshot: ClusterSnapshot) -> float:
    return foreign(snapshot)["GPU-0"] / GIB


def test_all_that_is_used_and_not_by_our_processes_is_foreign() -> None:
    device = told(15, ours(10), program(4))
    assert held(seen(device, engine("a/0", "GPU-0"))) == 5
    assert judge_foreign(seen(device, engine("a/0", "GPU-0"))).inferred == frozenset()


def test_a_simulated_engine_that_no_device_shows_takes_nothing_away_from_what_is_foreign() -> None:
    pretending = engine("a/0", "GPU-0", memory={"GPU-0": 10 * GIB}, is_simulated=True)
    assert held(seen(told(3, program(3)), pretending)) == 3
    assert held(seen(told(3, hides_processes=True), pretending)) == 3


def test_on_a_device_that_hides_processes_it_is_what_our_engines_do_not_hold() -> None:
    snapshot = seen(
        told(15, hides_processes=True), engine("a/0", "GPU-0", memory={"GPU-0": 9 * GIB})
    )
    assert held(snapshot) == 6
    assert judge_foreign(snapshot).inferred == {"GPU-0"}


def test_an_engine_that_must_be_there_but_is_not_shown_makes_it_a_guess() -> None:
    """As in a container, where the driver tells the process numbers of the host."""
    snapshot = seen(told(15, program(15)), engine("a/0", "GPU-0"))
    assert held(snapshot) == 5
    assert judge_foreign(snapshot).inferred == {"GPU-0"}


def test_a_process_of_ours_without_a_size_makes_it_a_guess() -> None:
    assert held(seen(told(15, ours(0)), engine("a/0", "GPU-0"))) == 5


@pytest.mark.parametrize("state", [LOADING, EngineState.STOPPING, EngineState.STARTING])
def test_a_guess_is_not_renewed_while_one_of_ours_comes_or_goes(state: EngineState) -> None:
    moving = engine("a/0", "GPU-0", state=state)
    assert held(seen(told(20, hides_processes=True), moving, before=2)) == 2
    assert held(seen(told(20, hides_processes=True), moving)) == 10  # its promise, at first sight


def test_memory_that_an_engine_on_its_way_may_have_taken_is_not_called_foreign() -> None:
    """Its process may show before it is known to be ours."""
    moving = engine("a/0", "GPU-0", state=LOADING)
    assert held(seen(told(9, program(9)), moving, before=1)) == 1
    assert held(seen(told(15, program(15)), moving, before=1)) == 5  # more than it was promised
    assert held(seen(told(0.5, program(0.5)), moving, before=1)) == 0.5


def test_an_engine_that_has_no_place_any_more_is_about_to_go() -> None:
    device = told(12, hides_processes=True)
    leaving = cluster([device], [], None, [engine("a/0", "GPU-0")], foreign_before={"GPU-0": GIB})
    assert held(leaving) == 1


def test_what_wavers_by_less_than_a_step_is_no_news() -> None:
    assert foreign(seen(told(3 + 1 / 32), before=3)) == {"GPU-0": 3 * GIB}
    assert foreign(seen(told(3 + 1 / 16), before=3)) == {"GPU-0": 3 * GIB + 64 * MIB}


def test_nonsense_of_a_driver_stays_within_the_device() -> None:
    assert held(seen(told(99, program(99)))) == 32
    assert held(seen(told(1, ours(10)), engine("a/0", "GPU-0"))) == 0


def test_main_memory_is_foreign_but_for_what_our_engines_were_measured_at() -> None:
    cpu = Device("cpu", "cpu", 0, "some cpu", 64 * GIB, 20 * GIB)
    real = engine("a/0", "cpu", memory={"cpu": 8 * GIB})
    pretending = engine("b/0", "cpu", memory={"cpu": 8 * GIB}, is_simulated=True)
    found = foreign(cluster([cpu], [model("a")], in_force(), [real, pretending]))
    assert found == {"cpu": 12 * GIB - 64 * MIB}


def test_a_serving_engine_counts_what_it_holds_and_another_what_it_was_promised() -> None:
    (entry,) = in_force().assignments
    measured = engine("a/0", "GPU-0", memory={"GPU-0": 8 * GIB})
    assert claim(entry, gpu(0), measured) == 8 * GIB
    assert claim(entry, gpu(0), None) == 10 * GIB
    assert claim(entry, gpu(0), engine("a/0", "GPU-0")) == 10 * GIB
    assert claim(entry, gpu(0), replace(measured, state=LOADING)) == 10 * GIB
    larger = engine("a/0", "GPU-0", memory={"GPU-0": 12 * GIB}, state=LOADING)
    assert claim(entry, gpu(0), larger) == 12 * GIB
    assert claim(entry, gpu(0), replace(larger, state=EngineState.BACKOFF)) == 10 * GIB


def test_an_engine_in_main_memory_counts_its_promise_until_it_holds_more() -> None:
    cpu = Device("GPU-0", "cpu", 0, "some cpu", 64 * GIB, 0)
    (entry,) = in_force().assignments
    assert claim(entry, cpu, engine("a/0", "GPU-0", memory={"GPU-0": 8 * GIB})) == 10 * GIB
    assert claim(entry, cpu, engine("a/0", "GPU-0", memory={"GPU-0": 11 * GIB})) == 11 * GIB


def test_an_engine_that_is_to_be_replaced_says_nothing_about_its_successor() -> None:
    (entry,) = in_force().assignments
    assert is_of(engine("a/0", "GPU-0"), entry)
    assert is_of(engine("a/0", "GPU-0", fingerprint=""), entry)
    assert not is_of(engine("a/0", "GPU-1"), entry)
    outdated = engine("a/0", "GPU-0", fingerprint="g", memory={"GPU-0": 3 * GIB}, state=READY)
    assert claim(entry, gpu(0), outdated) == 10 * GIB


def test_what_is_inferred_stands_while_the_figures_may_be_from_before_an_engine_left() -> None:
    """a/0 is gone, and the device still shows what it held."""
    snapshot = seen(told(12, hides_processes=True), before=2)
    assert held(snapshot) == 12
    assert held(replace(snapshot, unsettled=frozenset({"GPU-0"}))) == 2
    assert held(replace(snapshot, unsettled=frozenset({"GPU-1"}))) == 12
