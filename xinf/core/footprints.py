"""What engines really took, kept for the next start of the same thing.

A measurement stands for one model as declared, in one revision, by one version of an engine, on one
kind of device and so many of them; whatever of that changes makes another record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from xinf.core.engines import RunningEngine
from xinf.core.nodes import Device
from xinf.core.placement import ReplicaAssignment

KEY_DIGITS = 16


@dataclass(frozen=True, slots=True)
class MeasuredFootprint:
    """`memory_bytes` is the most that the engine was seen to hold on any one of its devices.

    `fingerprint` stands for declared settings, model revision, runtime and protocol. `device_name`
    is that of all `devices` (a number). `cache_bytes` and `context` are what the plan had given it,
    so that a plan with another cache can do the arithmetic (None = as in the assignment: nothing).
    `at` is wall seconds.
    """

    key: str
    model: str
    fingerprint: str
    device_name: str
    device_kind: str
    runtime: str
    memory_bytes: int
    at: float
    engine_version: str = ""
    devices: int = 1
    cache_bytes: int | None = None
    context: int | None = None


def footprint_key(fingerprint: str, engine_version: str, device_name: str, devices: int) -> str:
    """16 hex digits; equal exactly when a measurement of one holds for the other."""
    text = json.dumps([fingerprint, engine_version, device_name, devices])
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def measure(
    engine: RunningEngine,
    assignment: ReplicaAssignment,
    device: Device,
    engine_version: str,
    at: float,
) -> MeasuredFootprint | None:
    """What `engine` tells of its kind, which runs on devices like `device`; None if nothing.

    Main memory is taken a page at a time, when it is first written to: what is held there is less
    than what will be, so that the claim stands until more than that is seen.
    """
    held = max(engine.memory.values(), default=0)
    if not held:
        return None
    if device.kind == "cpu":
        held = max(held, assignment.memory_bytes)
    count = len(assignment.devices)
    return MeasuredFootprint(
        key=footprint_key(assignment.fingerprint, engine_version, device.name, count),
        model=assignment.model,
        fingerprint=assignment.fingerprint,
        device_name=device.name,
        device_kind=device.kind,
        runtime=assignment.config.runtime,
        memory_bytes=held,
        at=at,
        engine_version=engine_version,
        devices=count,
        cache_bytes=assignment.cache_bytes,
        context=assignment.context,
    )


def peak(before: MeasuredFootprint | None, now: MeasuredFootprint) -> MeasuredFootprint:
    """`now`, or the higher peak that was seen `before` with the same numbers of the plan."""
    if before is None or (before.cache_bytes, before.context) != (now.cache_bytes, now.context):
        return now
    return now if now.memory_bytes >= before.memory_bytes else replace(before, at=now.at)


def by_fingerprint(
    footprints: Iterable[MeasuredFootprint],
) -> Mapping[str, tuple[MeasuredFootprint, ...]]:
    """All measurements of the same settings together."""
    found: dict[str, tuple[MeasuredFootprint, ...]] = {}
    for each in footprints:
        found[each.fingerprint] = (*found.get(each.fingerprint, ()), each)
    return found


def measured_of(
    footprints: Iterable[MeasuredFootprint], fingerprint: str, devices: int
) -> Mapping[str, MeasuredFootprint]:
    """The newest measurement of what has `fingerprint` on so many `devices`, by device name."""
    newest: dict[str, MeasuredFootprint] = {}
    for each in sorted(footprints, key=lambda each: (each.at, each.key)):
        if (each.fingerprint, each.devices) == (fingerprint, devices):
            newest[each.device_name] = each
    return newest


def held_on(devices: tuple[str, ...], seen: Mapping[str, int], reported: int) -> Mapping[str, int]:
    """What an engine holds on each of its `devices` (UUIDs); empty if nobody tells.

    `seen` is what the devices tell of its processes, which wins; `reported` is what it says itself,
    of all its devices together.
    """
    if any(seen.values()):
        return {uuid: seen.get(uuid, 0) for uuid in devices}
    share = reported // len(devices) if devices else 0
    return dict.fromkeys(devices, share) if share else {}


def has_moved(before: Mapping[str, int], after: Mapping[str, int], step: int) -> bool:
    """Whether memory has come or gone, or moved by `step` bytes on any device."""
    return before.keys() != after.keys() or any(
        abs(after[uuid] - before[uuid]) >= step for uuid in after
    )
