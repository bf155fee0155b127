"""Which replica runs where: the one decision of the scheduler.

Pure, deterministic and total: the same snapshot gives the same plan, and odd input is explained,
never raised. What already has a place keeps it if it still fits (stability beats perfection);
then the rest is placed, higher priority first. Every placement and every refusal says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xinf.core.ledger import Account, open_accounts
from xinf.core.nodes import Device
from xinf.core.placement import (
    EngineConfig,
    PlacementPlan,
    ReplicaAssignment,
    Unplaced,
    replica_name,
)
from xinf.core.units import format_bytes
from xinf.scheduler.snapshot import ClusterSnapshot, PlanPolicy, WantedModel
from xinf.scheduler.strategies import STRATEGIES


@dataclass(frozen=True, slots=True)
class _Wish:
    """One replica that should exist."""

    replica: str
    model: WantedModel
    config: EngineConfig


def plan(snapshot: ClusterSnapshot, policy: PlanPolicy) -> PlacementPlan:
    """The placement of every wanted replica, or the reason why it has none."""
    table = _Table(snapshot, policy)
    held = {entry.replica: entry for entry in snapshot.current.assignments}
    wishes = list(_wishes(snapshot))
    movers = [wish for wish in wishes if not table.keep(wish, held.get(wish.replica))]
    for wish in movers:
        table.place(wish)
    problems = [entry for model in _by_priority(snapshot) for entry in _problems(model)]
    return PlacementPlan(
        assignments=tuple(sorted(table.assignments, key=lambda entry: entry.replica)),
        unplaced=tuple(sorted([*table.unplaced, *problems], key=lambda entry: entry.replica)),
    )


class _Table:
    """The devices while a plan is being made: who has claimed what so far."""

    def __init__(self, snapshot: ClusterSnapshot, policy: PlanPolicy) -> None:
        nodes = snapshot.nodes
        self._devices = {device.uuid: device for node in nodes for device in node.devices}
        self._node_of = {device.uuid: node.node for node in nodes for device in node.devices}
        self._accounts = open_accounts(self._devices.values(), policy.reserve_bytes)
        self._strategy = STRATEGIES[policy.strategy]
        self.assignments: list[ReplicaAssignment] = []
        self.unplaced: list[Unplaced] = []

    def keep(self, wish: _Wish, before: ReplicaAssignment | None) -> bool:
        """Leave a replica where it is, if it has a place that is still good for it."""
        if before is None or not all(uuid in self._devices for uuid in before.devices):
            return False
        if {self._devices[uuid].kind for uuid in before.devices} != {wish.model.device_kind}:
            return False
        is_same = before.fingerprint == wish.model.fingerprint
        need = before.memory_bytes if is_same else wish.model.memory_bytes
        if any(self._accounts[uuid].free < need for uuid in before.devices):
            return False
        why = before.why if is_same else f"stays on {before.devices[0]} with new settings"
        self._assign(wish, before.devices, need, why)
        return True

    def place(self, wish: _Wish) -> None:
        """Give a replica the device that the strategy likes best, or say why there is none."""
        need = wish.model.memory_bytes
        able = [account for account in self._accounts.values() if self._suits(wish, account)]
        fitting = [account for account in able if account.free >= need]
        if not fitting:
            self.unplaced.append(_refusal(wish, [self._devices[a.uuid] for a in able], able))
            return
        best = self._strategy.choose(fitting)
        why = (
            f"{self._strategy.name}: {format_bytes(best.free)} free on "
            f"{self._devices[best.uuid].id}, needs {format_bytes(need)}"
        )
        self._assign(wish, (best.uuid,), need, why)

    def _suits(self, wish: _Wish, account: Account) -> bool:
        return self._devices[account.uuid].kind == wish.model.device_kind

    def _assign(self, wish: _Wish, devices: tuple[str, ...], need: int, why: str) -> None:
        for uuid in devices:
            self._accounts[uuid] = self._accounts[uuid].claim(need)
        self.assignments.append(
            ReplicaAssignment(
                replica=wish.replica,
                model=wish.model.name,
                node=self._node_of[devices[0]],
                devices=devices,
                memory_bytes=need,
                config=wish.config,
                fingerprint=wish.model.fingerprint,
                why=why,
            )
        )


def _by_priority(snapshot: ClusterSnapshot) -> list[WantedModel]:
    return sorted(snapshot.wanted, key=lambda model: (-model.priority, model.name))


def _wishes(snapshot: ClusterSnapshot) -> Iterator[_Wish]:
    for model in _by_priority(snapshot):
        if model.config is not None and not model.problem:
            for index in range(model.replicas):
                yield _Wish(replica_name(model.name, index), model, model.config)


def _problems(model: WantedModel) -> Iterator[Unplaced]:
    if model.problem or model.config is None:
        for index in range(model.replicas):
            replica = replica_name(model.name, index)
            reason = model.problem or "nothing is known about how to run it"
            yield Unplaced(replica, model.name, model.memory_bytes, 0, reason)


def _refusal(wish: _Wish, devices: list[Device], accounts: list[Account]) -> Unplaced:
    need, kind = wish.model.memory_bytes, wish.model.device_kind
    if not devices:
        reason = f"needs a {kind} device and this machine has none"
        return Unplaced(wish.replica, wish.model.name, need, 0, reason)
    roomiest = max(accounts, key=lambda account: account.free)
    short = need - roomiest.free
    name = next(device.id for device in devices if device.uuid == roomiest.uuid)
    reason = (
        f"needs {format_bytes(need)}; the most free is {format_bytes(max(roomiest.free, 0))} "
        f"on {name}, short by {format_bytes(short)}"
    )
    return Unplaced(wish.replica, wish.model.name, need, short, reason)
