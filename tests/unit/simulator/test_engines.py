from __future__ import annotations

import pytest

from scripts.simulator.engines import Engine
from tests.support.clusters import cluster, gpu, model
from tests.support.scenarios import served
from xinf.core.states import EngineState
from xinf.core.units import GIB
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import PlanPolicy


def engine(state: EngineState, parallel: int = 1) -> Engine:
    assignment = plan(cluster([gpu(0)], [model("a")]), PlanPolicy()).assignments[0]
    return Engine(assignment, served("a", parallel=parallel), since=3.0, state=state)


@pytest.mark.parametrize(
    ("state", "gib"),
    [
        (EngineState.PROVISIONING, 0),
        (EngineState.LOADING, 10),
        (EngineState.READY, 10),
        (EngineState.STOPPING, 10),
    ],
)
def test_it_holds_its_promise_while_it_has_a_process(state: EngineState, gib: int) -> None:
    assert engine(state).held == gib * GIB
    assert engine(state).view().memory == ({"GPU-0": gib * GIB} if gib else {})


def test_it_has_a_place_while_it_is_ready_and_not_full() -> None:
    ready = engine(EngineState.READY, parallel=2)
    ready.inflight = {1}
    assert ready.has_place
    ready.inflight = {1, 2}
    assert not ready.has_place
    assert not engine(EngineState.DRAINING).has_place


def test_a_plan_sees_whether_it_is_busy_and_since_when_it_is_not() -> None:
    ready = engine(EngineState.READY)
    assert (ready.view().is_busy, ready.view().last_used) == (False, 3.0)
    ready.inflight, ready.last_used = {1}, 9.0
    assert (ready.view().is_busy, ready.view().last_used) == (True, 9.0)


def test_an_agent_sees_where_it_is_and_what_it_does() -> None:
    record = engine(EngineState.LOADING).record()
    assert (record.replica, record.devices, record.state) == (
        "a/0",
        ("GPU-0",),
        EngineState.LOADING,
    )
    assert record.fingerprint == "f"
