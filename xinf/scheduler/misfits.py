"""Why no device of the machine suits a model, whatever is free."""

from __future__ import annotations

from xinf.core.nodes import Device
from xinf.core.placement import Obstacle
from xinf.scheduler.places import device_count, verdict
from xinf.scheduler.snapshot import WantedModel
from xinf.scheduler.table import Table

Misfit = tuple[Obstacle, str, str]


def why_no_device(table: Table, model: WantedModel) -> Misfit:
    """The obstacle, the reason, and the nearest choice that the compatibility file offers."""
    kind = model.device_kind
    missing = [uuid for uuid in model.pins if uuid not in table.number]
    if missing:
        reason = f"is pinned to {' and '.join(missing)}, which this machine does not have now"
        return Obstacle.NO_DEVICE, reason, ""
    candidates = _candidates(table, model)
    of_kind = [device for device in candidates if device.kind == kind]
    if model.pins and len(of_kind) < len(candidates):
        other = next(device for device in candidates if device.kind != kind)
        reason = f"needs a {kind} device and is pinned to {other.id}"
        return Obstacle.NO_DEVICE, reason, ""
    if not of_kind:
        return Obstacle.NO_DEVICE, f"needs a {kind} device and this machine has none", ""
    return _refused(model, of_kind) or _cannot_share(model, of_kind)


def _candidates(table: Table, model: WantedModel) -> list[Device]:
    if model.pins:
        return [table.devices[table.number[uuid]] for uuid in dict.fromkeys(model.pins)]
    return list(table.devices)


def _refused(model: WantedModel, devices: list[Device]) -> Misfit | None:
    """Where some devices are refused and the others are too few, the refusal is what helps."""
    for device in devices:
        judged = verdict(model, device.uuid)
        if judged.refusal:
            reason = f"cannot run on {device.id} ({device.name}): {judged.refusal}"
            return Obstacle.INCOMPATIBLE, reason, judged.nearest
    return None


def _cannot_share(model: WantedModel, devices: list[Device]) -> Misfit:
    count = device_count(model)
    if model.pins:
        names = " and ".join(sorted({device.name for device in devices}))
        if any(device.parent is not None for device in devices):
            reason = f"cannot share {count} devices: a slice of a card reaches no other device"
        else:
            reason = f"cannot share devices that differ: {names}"
        return Obstacle.INCOMPATIBLE, reason, ""
    whole = [device for device in devices if device.parent is None]
    most = max((_alike(device, whole) for device in whole), default=0)
    reason = f"needs {count} {model.device_kind} devices of one name and this machine has {most}"
    if len(whole) < len(devices):
        reason += " (slices of a card cannot share a model)"
    return Obstacle.NO_DEVICE, reason, ""


def _alike(device: Device, devices: list[Device]) -> int:
    return sum(other.name == device.name for other in devices)
