"""What another plan would change: what `xinf plan` shows before anything is done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from xinf.core.changes import Action, Balance, Change, Preview
from xinf.core.ledger import Account, open_accounts
from xinf.core.nodes import Device
from xinf.core.placement import FOR_OTHERS, PlacementPlan, ReplicaAssignment
from xinf.scheduler.holdings import claim, judge_foreign
from xinf.scheduler.plan import plan
from xinf.scheduler.sizes import parts
from xinf.scheduler.snapshot import ClusterSnapshot, PlanPolicy

# What frees memory is told before what takes it.
_TURN = {
    Action.STOP: 0,
    Action.EVICT: 0,
    Action.MOVE: 1,
    Action.RESIZE: 2,
    Action.RESTART: 2,
    Action.START: 3,
}


def preview(before: ClusterSnapshot, after: ClusterSnapshot, policy: PlanPolicy) -> Preview:
    """What becomes of the plan in force (`before.current`) if the world were as in `after`."""
    then = plan(replace(after, current=before.current), policy)
    due = {entry.replica: entry for entry in then.assignments}
    models = {model.name: model for model in after.wanted}
    changes = tuple(
        replace(change, parts=parts(models.get(change.model), due[change.replica]))
        if change.replica in due
        else change
        for change in _changes(before.current, then)
    )
    touched = {change.model for change in changes}
    return Preview(
        changes=changes,
        unplaced=then.unplaced,
        devices=tuple(_balances(after, (before.current, then), policy)),
        untouched=tuple(sorted({entry.model for entry in then.assignments} - touched)),
    )


def _changes(before: PlacementPlan, after: PlacementPlan) -> list[Change]:
    held = {entry.replica: entry for entry in before.assignments}
    due = {entry.replica: entry for entry in after.assignments}
    gone = [_ending(held[replica], after) for replica in held.keys() - due.keys()]
    new = [
        _as_change(Action.START, due[replica], due[replica].why) for replica in due.keys() - held
    ]
    other = [
        change
        for replica in held.keys() & due.keys()
        for change in _alteration(held[replica], due[replica])
    ]
    return sorted([*gone, *new, *other], key=lambda each: (_TURN[each.action], each.replica))


def _ending(entry: ReplicaAssignment, after: PlacementPlan) -> Change:
    told = {each.replica: each for each in after.unplaced}.get(entry.replica)
    if told is None:
        return _as_change(Action.STOP, entry, "no longer wanted")
    action = Action.EVICT if told.obstacle in FOR_OTHERS else Action.STOP
    return _as_change(action, entry, told.reason)


def _alteration(before: ReplicaAssignment, after: ReplicaAssignment) -> Iterator[Change]:
    if after.devices != before.devices:
        yield _as_change(Action.MOVE, after, after.why)
    elif after.shortens(before.context):
        yield _as_change(Action.RESIZE, after, after.why)
    elif after.fingerprint != before.fingerprint:
        is_same_size = after.memory_bytes == before.memory_bytes
        yield _as_change(Action.RESTART if is_same_size else Action.RESIZE, after, after.why)


def _as_change(action: Action, entry: ReplicaAssignment, reason: str) -> Change:
    return Change(action, entry.model, entry.replica, entry.devices, entry.memory_bytes, reason)


def _balances(
    snapshot: ClusterSnapshot, plans: tuple[PlacementPlan, PlacementPlan], policy: PlanPolicy
) -> Iterator[Balance]:
    devices = [device for node in snapshot.nodes for device in node.devices]
    accounts = open_accounts(devices, policy.reserve_bytes, judge_foreign(snapshot))
    before, after = (_claims(snapshot, devices, plan.assignments) for plan in plans)
    for device in sorted(devices, key=lambda device: (device.kind, device.index, device.uuid)):
        yield _balance(device, accounts[device.uuid], before, after)


def _balance(
    device: Device, account: Account, before: Mapping[str, int], after: Mapping[str, int]
) -> Balance:
    return Balance(
        id=device.id,
        uuid=device.uuid,
        name=device.name,
        total=device.memory_total,
        before=account.foreign + before.get(device.uuid, 0),
        after=account.foreign + after.get(device.uuid, 0),
        foreign=account.foreign,
        reserve=account.reserve,
        is_inferred=account.is_inferred,
    )


def _claims(
    snapshot: ClusterSnapshot, devices: Iterable[Device], entries: Iterable[ReplicaAssignment]
) -> dict[str, int]:
    """Bytes that our engines claim of each device, by UUID."""
    engines = {engine.replica: engine for engine in snapshot.engines}
    known = {device.uuid: device for device in devices}
    sums: dict[str, int] = {}
    for entry in entries:
        for uuid in entry.devices:
            if uuid in known:
                size = claim(entry, known[uuid], engines.get(entry.replica))
                sums[uuid] = sums.get(uuid, 0) + size
    return sums
