from __future__ import annotations

import pytest

from scripts.simulator.engines import Engine
from scripts.simulator.machine import Machine, OverCommitted
from scripts.simulator.scenario import Program
from tests.support.clusters import cluster, gpu, model
from tests.support.scenarios import served
from xinf.core.states import EngineState
from xinf.core.units import GIB
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import PlanPolicy


def engine(gib: int, state: EngineState = EngineState.READY) -> Engine:
    assignment = plan(cluster([gpu(0)], [model("a", gib)]), PlanPolicy()).assignments[0]
    return Engine(assignment, served("a", gib), since=0.0, state=state)


def test_a_device_shows_who_holds_its_memory() -> None:
    machine = Machine([gpu(0), gpu(1)], [Program("game", "GPU-1", 3 * GIB, 0)])
    first, second = machine.look([engine(20)], 0.0).devices
    assert (first.memory_used, second.memory_used) == (20 * GIB, 3 * GIB)
    assert [(each.owner, each.memory_bytes) for each in first.processes] == [("a/0", 20 * GIB)]
    assert [(each.name, each.owner) for each in second.processes] == [("game", "")]


def test_who_has_not_begun_to_load_holds_nothing() -> None:
    waiting = engine(20, EngineState.PROVISIONING)
    assert Machine([gpu(0)], []).look([waiting], 0.0).devices[0].memory_used == 0


def test_a_program_takes_what_is_free_and_the_rest_when_it_becomes_free() -> None:
    machine = Machine([gpu(0)], [Program("game", "GPU-0", 20 * GIB, 10, 30)])
    assert machine.look([engine(20)], 0.0).devices[0].memory_used == 20 * GIB
    assert machine.look([engine(20)], 10.0).devices[0].memory_used == 32 * GIB
    assert machine.is_short(10.0)
    assert machine.look([], 20.0).devices[0].memory_used == 20 * GIB
    assert not machine.is_short(20.0)
    assert machine.look([], 30.0).devices[0].memory_used == 0


def test_a_device_that_hides_processes_shows_only_how_full_it_is() -> None:
    device = Machine([gpu(0, hides_processes=True)], []).look([engine(20)], 0.0).devices[0]
    assert (device.memory_used, device.processes) == (20 * GIB, ())


def test_more_than_there_is_is_nobodys_to_hold() -> None:
    with pytest.raises(OverCommitted, match="cuda:0 at 7 s"):
        Machine([gpu(0)], []).look([engine(20), engine(20)], 7.0)
