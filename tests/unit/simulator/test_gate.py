from __future__ import annotations

from scripts.simulator.engines import Engine
from scripts.simulator.gate import STOP_PATIENCE_S, Gate
from tests.support.clusters import cluster, gpu, model
from tests.support.scenarios import served
from xinf.core.nodes import Device, Sighting
from xinf.core.units import GIB
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import PlanPolicy

FREE = Sighting((gpu(0),))


def engine(name: str, gib: int = 10) -> Engine:
    assignment = plan(cluster([gpu(0)], [model(name, gib)]), PlanPolicy()).assignments[0]
    return Engine(assignment, served(name, gib), since=0.0)


def with_used(gib: int) -> Sighting:
    full: Device = gpu(0, memory_used=gib * GIB)
    return Sighting((full,))


def test_one_starts_at_a_time_in_the_order_of_their_coming() -> None:
    gate, first, second = Gate(), engine("a"), engine("b")
    gate.join(first, 0.0, is_stop=False)
    gate.join(second, 0.0, is_stop=False)
    assert gate.next(FREE, 0.0) is first
    assert gate.next(FREE, 0.0) is None
    gate.leave(first)
    assert gate.next(FREE, 0.0) is second


def test_who_finds_no_memory_lets_others_by() -> None:
    gate, large, small = Gate(), engine("a", 20), engine("b", 5)
    gate.join(large, 0.0, is_stop=False)
    gate.join(small, 0.0, is_stop=False)
    assert gate.next(with_used(20), 0.0) is small


def test_a_stop_goes_before_the_starts_that_wait() -> None:
    gate, starting, stopping = Gate(), engine("a"), engine("b")
    gate.join(starting, 0.0, is_stop=False)
    gate.join(stopping, 0.0, is_stop=True)
    assert gate.next(FREE, 0.0) is stopping


def test_a_stop_waits_for_a_start_but_not_for_ever() -> None:
    gate, starting, stopping = Gate(), engine("a"), engine("b")
    gate.join(starting, 0.0, is_stop=False)
    gate.next(FREE, 0.0)
    gate.join(stopping, 1.0, is_stop=True)
    assert gate.next(FREE, STOP_PATIENCE_S) is None
    assert gate.next(FREE, 1.0 + STOP_PATIENCE_S) is stopping


def test_nobody_starts_before_a_load_that_was_broken_off_is_gone() -> None:
    gate, broken, waiting = Gate(), engine("a"), engine("b")
    gate.join(broken, 0.0, is_stop=False)
    gate.next(FREE, 0.0)
    gate.join(waiting, 0.0, is_stop=False)
    gate.hold(broken, 1.0)
    assert gate.next(FREE, 1.0) is None
    gate.leave(broken)
    assert gate.next(FREE, 2.0) is waiting
