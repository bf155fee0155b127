from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.routing import engine
from xinf.core.events import Event, Severity
from xinf.core.nodes import Device, NodeStatus
from xinf.core.states import EngineState
from xinf.observe.told import engine_event, node_events

A = Device("GPU-a", "cuda", 0, "NVIDIA A", 100, 0)
B = Device("GPU-b", "cuda", 1, "NVIDIA B", 100, 0)


def told(before: NodeStatus | None, after: NodeStatus) -> list[tuple[str, str, Severity]]:
    return [(each.kind, each.subject, each.severity) for each in events(before, after)]


def events(before: NodeStatus | None, after: NodeStatus) -> list[Event]:
    return list(node_events({} if before is None else {"local": before}, {"local": after}, 7.0))


def node(*devices: Device, reason: str = "") -> NodeStatus:
    return NodeStatus("local", devices, is_degraded=bool(reason), reason=reason)


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        (EngineState.READY, Severity.INFO),
        (EngineState.BACKOFF, Severity.WARNING),
        (EngineState.FAILED, Severity.ERROR),
    ],
)
def test_a_state_of_an_engine_is_told_with_its_reason(
    state: EngineState, severity: Severity
) -> None:
    made = engine_event(engine("coder/1", state, start=9, reason="because"))
    assert made == Event(9.0, f"engine.{state}", "coder/1", "because", "coder", severity)


def test_a_machine_seen_first_has_nothing_to_tell_but_its_trouble() -> None:
    assert told(None, node(A)) == []
    assert told(None, node(A, reason="no driver")) == [("node.degraded", "local", Severity.WARNING)]


def test_a_device_that_goes_and_comes_back_is_told_by_name() -> None:
    assert told(node(A, B), node(A)) == [("device.lost", "cuda:1", Severity.ERROR)]
    assert told(node(A), node(A, B)) == [("device.found", "cuda:1", Severity.INFO)]
    assert "NVIDIA B (cuda:1)" in events(node(A, B), node(A))[0].message


def test_a_device_that_is_unwell_is_told_once_and_again_when_it_is_well() -> None:
    ill = replace(A, problem="Xid 79")
    assert told(node(A), node(ill)) == [("device.problem", "cuda:0", Severity.WARNING)]
    assert told(node(ill), node(replace(ill, memory_used=5))) == []
    assert told(node(ill), node(A)) == [("device.recovered", "cuda:0", Severity.INFO)]


def test_the_trouble_of_a_machine_is_told_when_it_changes() -> None:
    assert told(node(A, reason="x"), node(A, reason="x")) == []
    assert told(node(A, reason="x"), node(A, reason="y")) == [
        ("node.degraded", "local", Severity.WARNING)
    ]
    (over,) = events(node(A, reason="x"), node(A))
    assert (over.kind, over.message, over.at) == ("node.recovered", "over: x", 7.0)


def test_memory_that_moves_is_no_event() -> None:
    assert told(node(A), node(replace(A, memory_used=50))) == []
