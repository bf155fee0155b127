"""What changed records mean to people: from two moments of one record to events. Decides only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xinf.core.engines import RunningEngine
from xinf.core.events import Event, Severity
from xinf.core.nodes import Device, NodeStatus
from xinf.core.states import EngineState

_BAD = {EngineState.BACKOFF: Severity.WARNING, EngineState.FAILED: Severity.ERROR}


def engine_event(engine: RunningEngine) -> Event:
    """That `engine` came into the state that it is in."""
    return Event(
        at=engine.since,
        kind=f"engine.{engine.state}",
        subject=engine.replica,
        message=engine.reason or str(engine.state),
        model=engine.model,
        severity=_BAD.get(engine.state, Severity.INFO),
    )


def node_events(
    before: Mapping[str, NodeStatus], after: Mapping[str, NodeStatus], at: float
) -> Iterator[Event]:
    """What has become of machines and their devices. One that is new only tells its trouble."""
    for name, status in after.items():
        old = before.get(name, NodeStatus(name, status.devices))
        yield from _device_events(old, status, at)
        yield from _trouble_events(old, status, at)


def _device_events(before: NodeStatus, after: NodeStatus, at: float) -> Iterator[Event]:
    old, new = ({each.uuid: each for each in node.devices} for node in (before, after))
    for uuid, device in old.items():
        if uuid not in new:
            message = f"{_named(device)} is not there any more"
            yield Event(at, "device.lost", device.id, message, "", Severity.ERROR)
    for uuid, device in new.items():
        if uuid not in old:
            yield Event(at, "device.found", device.id, f"{_named(device)} is there")
            continue
        was, now = old[uuid].problem, device.problem
        if now and now != was:
            message = f"{_named(device)}: {now}"
            yield Event(at, "device.problem", device.id, message, "", Severity.WARNING)
        elif was and not now:
            yield Event(at, "device.recovered", device.id, f"{_named(device)} is well again")


def _trouble_events(before: NodeStatus, after: NodeStatus, at: float) -> Iterator[Event]:
    """About a machine as a whole: devices that cannot be asked, a worker that is silent."""
    was = before.reason if before.is_degraded else ""
    now = after.reason if after.is_degraded else ""
    if now and now != was:
        yield Event(at, "node.degraded", after.node, now, "", Severity.WARNING)
    elif was and not now:
        yield Event(at, "node.recovered", after.node, f"over: {was}")


def _named(device: Device) -> str:
    return f"{device.name} ({device.id})" if device.name else device.id
