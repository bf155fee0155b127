"""Where a model is, what it takes, and what its devices hold: from the picture that plans are made
of, so that no reason is worked out twice. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from xinf.core.ledger import Account, open_accounts
from xinf.core.memory import Basis, need
from xinf.core.nodes import Device
from xinf.core.placement import ReplicaAssignment
from xinf.core.why import Holder, ReplicaStory, Requirement, Room, Seating
from xinf.scheduler.holdings import claim, judge_foreign
from xinf.scheduler.places import device_count
from xinf.scheduler.sizes import smallest_size
from xinf.scheduler.snapshot import ClusterSnapshot, EngineView, PlanPolicy, WantedModel


def seating(snapshot: ClusterSnapshot, policy: PlanPolicy, model: str) -> Seating:
    """What the plan in force, `snapshot.current`, says of `model`, and the arithmetic behind it."""
    wanted = next((each for each in snapshot.wanted if each.name == model), None)
    devices = {device.uuid: device for node in snapshot.nodes for device in node.devices}
    placed = [entry for entry in snapshot.current.assignments if entry.model == model]
    unplaced = tuple(entry for entry in snapshot.current.unplaced if entry.model == model)
    kinds = {devices[uuid].kind for entry in placed for uuid in entry.devices if uuid in devices}
    if wanted is not None and wanted.device_kind:
        kinds.add(wanted.device_kind)
    able = [device for device in devices.values() if device.kind in kinds]
    return Seating(
        need=_requirement(wanted, placed, able, devices),
        replicas=tuple(_story(entry, devices) for entry in placed),
        unplaced=unplaced,
        rooms=tuple(_rooms(snapshot, policy, able)),
    )


def _requirement(
    model: WantedModel | None,
    placed: Iterable[ReplicaAssignment],
    able: Iterable[Device],
    devices: Mapping[str, Device],
) -> Requirement | None:
    """On the devices that it has, or else on the one where it takes least."""
    if model is None or model.config is None:
        return None
    here = [(entry, devices[uuid]) for entry in placed for uuid in entry.devices if uuid in devices]
    if here:
        entry, device = here[0]
        return _made_of(model, device, len(entry.devices), entry.memory_bytes, entry.context)
    sized = [(smallest_size(model, device), device) for device in able]
    if not sized:
        return None
    size, device = min(sized, key=lambda each: each[0].bytes)
    return _made_of(model, device, device_count(model), size.bytes, size.context)


def _made_of(
    model: WantedModel, device: Device, count: int, size: int, context: int | None
) -> Requirement:
    told = context or (model.config.context if model.config else None)
    now = smallest_size(model, device)
    if model.shape is None:
        basis = now.basis if now.bytes == size else Basis.DECLARED
        return Requirement(size, basis, (), count, told)
    # What was measured since it was placed holds for its next start.
    basis = now.basis if now.bytes == size else model.shape.basis
    wish = replace(model.sizing, context=context or model.sizing.context)
    made = need(model.shape, wish)
    parts = tuple(made.parts()) if made.total == size else ()
    return Requirement(size, basis, parts, count, context or model.sizing.context)


def _story(entry: ReplicaAssignment, devices: Mapping[str, Device]) -> ReplicaStory:
    return ReplicaStory(
        replica=entry.replica,
        devices=tuple(devices[uuid].id if uuid in devices else uuid for uuid in entry.devices),
        bytes=entry.memory_bytes,
        why=entry.why,
        context=entry.context or entry.config.context,
        rules=entry.rules,
    )


def _rooms(snapshot: ClusterSnapshot, policy: PlanPolicy, able: Iterable[Device]) -> Iterator[Room]:
    able = sorted(able, key=lambda device: (device.kind, device.index, device.uuid))
    accounts = open_accounts(able, policy.reserve_bytes, judge_foreign(snapshot))
    engines = {engine.replica: engine for engine in snapshot.engines}
    pinned = {model.name for model in snapshot.wanted if model.is_pinned}
    for device in able:
        holders = tuple(
            _holder(entry, device, engines.get(entry.replica), entry.model in pinned)
            for entry in snapshot.current.assignments
            if device.uuid in entry.devices
        )
        yield _room(device, accounts[device.uuid], holders)


def _holder(
    entry: ReplicaAssignment, device: Device, engine: EngineView | None, is_pinned: bool
) -> Holder:
    is_busy = engine is not None and engine.is_busy
    return Holder(entry.replica, claim(entry, device, engine), is_busy, is_pinned)


def _room(device: Device, account: Account, holders: tuple[Holder, ...]) -> Room:
    held = sum(holder.bytes for holder in holders)
    return Room(
        id=device.id,
        uuid=device.uuid,
        name=device.name,
        total=device.memory_total,
        reserve=account.reserve,
        foreign=account.foreign,
        free=account.claim(held).free,
        holders=tuple(sorted(holders, key=lambda holder: (-holder.bytes, holder.replica))),
        is_inferred=account.is_inferred,
    )
