"""The devices while a plan is being made: who sits where, and what is left.

Devices are numbered in a fixed order, and their numbers held in plain lists: a large plan looks at
each of them thousands of times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from xinf.core.ledger import Account, open_accounts
from xinf.core.nodes import Device, NodeStatus
from xinf.core.placement import ReplicaAssignment
from xinf.core.states import EngineState
from xinf.scheduler.eviction import Resident
from xinf.scheduler.holdings import judge_foreign
from xinf.scheduler.snapshot import ClusterSnapshot, EngineView, PlanPolicy
from xinf.scheduler.strategies import STRATEGIES, IdleFirst
from xinf.scheduler.wishes import Wish

# A load that is under way is not thrown away for another of the same right.
_INVESTED = frozenset(
    {
        EngineState.STARTING,
        EngineState.LOADING,
        EngineState.WARMING,
        EngineState.WAKING,
        EngineState.DRAINING,
        EngineState.STOPPING,
    }
)


# Nothing of the model is in memory.
_EMPTY = frozenset(
    {
        EngineState.PENDING,
        EngineState.PROVISIONING,
        EngineState.BACKOFF,
        EngineState.FAILED,
        EngineState.STOPPED,
    }
)


@dataclass(frozen=True, slots=True)
class Make:
    """Devices of one machine, kind and name, by number: what fits one fits any that is empty."""

    node: str
    kind: str
    name: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Makes:
    """Several makes, and all their devices. Compared by identity, so that answers about them are
    remembered cheaply.
    """

    each: tuple[Make, ...]
    numbers: tuple[int, ...]

    @classmethod
    def of(cls, makes: Iterable[Make]) -> Makes:
        each = tuple(makes)
        return cls(each, tuple(number for make in each for number in make.numbers))


@dataclass(frozen=True, slots=True)
class Seat:
    """A replica at its place: the devices by number, and what it is to each of them.

    `is_new` = its engine is not there yet, or has to be started anew.
    """

    wish: Wish
    entry: ReplicaAssignment
    numbers: tuple[int, ...]
    residents: tuple[Resident, ...]
    is_new: bool = True

    @property
    def claim(self) -> int:
        """Bytes on each device; a new replica claims the same of all."""
        return self.residents[0].memory_bytes


class Table:
    """Only a plan that is being made changes it."""

    def __init__(self, snapshot: ClusterSnapshot, policy: PlanPolicy) -> None:
        found = _in_order(snapshot.nodes)
        self.devices: Sequence[Device] = [device for _, device in found]
        self.nodes: Sequence[str] = [node for node, _ in found]
        self.number: Mapping[str, int] = {each.uuid: i for i, each in enumerate(self.devices)}
        opened = open_accounts(self.devices, policy.reserve_bytes, judge_foreign(snapshot))
        self.accounts: Sequence[Account] = [opened[device.uuid] for device in self.devices]
        self.engines: Mapping[str, EngineView] = {each.replica: each for each in snapshot.engines}
        self.strategy = STRATEGIES.get(policy.strategy) or IdleFirst()
        self.makes = _makes(self.nodes, self.devices)
        self._sets = {makes.each: makes for makes in self.makes.values()}
        # By device: bytes that may still be claimed, and who sits there.
        self.free: list[int] = [account.free for account in self.accounts]
        self.on: list[dict[str, Resident]] = [{} for _ in self.devices]
        # Devices in the order in which somebody came or went there.
        self.turns: list[int] = []
        self.seats: dict[str, Seat] = {}
        self._shares = [self._share(number) for number in range(len(self.devices))]
        self._none = [0] * len(self.devices)
        self._copies: dict[str, list[int]] = {}
        self._most: dict[Makes, tuple[int, int]] = {}
        self._now = snapshot.now
        self._residence_s = policy.residence_s

    def sit(self, seat: Seat) -> None:
        self.seats[seat.wish.replica] = seat
        self._book(seat, 1)
        for number, resident in zip(seat.numbers, seat.residents, strict=True):
            self.on[number][resident.replica] = resident

    def leave(self, replica: str) -> Seat:
        seat = self.seats.pop(replica)
        self._book(seat, -1)
        for number in seat.numbers:
            del self.on[number][replica]
        return seat

    def _book(self, seat: Seat, sign: int) -> None:
        copies = self._copies.setdefault(seat.wish.model.name, [0] * len(self.devices))
        for number, resident in zip(seat.numbers, seat.residents, strict=True):
            self.free[number] -= sign * resident.memory_bytes
            self._shares[number] = self._share(number)
            self.turns.append(number)
            copies[number] += sign

    def _share(self, number: int) -> float:
        """The part of a device's memory that is held or claimed by anybody."""
        account = self.accounts[number]
        return 1.0 - (self.free[number] + account.reserve) / max(account.total, 1)

    def set_of(self, makes: Iterable[Make]) -> Makes:
        """The one set of these makes, so that what is known of it is known to all who ask."""
        found = Makes.of(makes)
        return self._sets.setdefault(found.each, found)

    def most_free(self, makes: Makes) -> int:
        """The most that any of these devices has free: no use to look there for more."""
        turn, most = self._most.get(makes, (-1, 0))
        if turn != len(self.turns):
            free = self.free
            most = max([free[number] for number in makes.numbers])
            self._most[makes] = (len(self.turns), most)
        return most

    def distaste(self, model: str) -> Callable[[int], tuple[float, float]]:
        """How much the strategy minds a device for a replica of `model`, for `min` and `sorted`;
        of equals they take the first, which is why device numbers are handed to them in order.
        """
        copies = self._copies.get(model) or self._none
        distaste, shares = self.strategy.distaste, self._shares

        def mind(number: int) -> tuple[float, float]:
            return distaste(shares[number], copies[number])

        return mind

    def residents(self, wish: Wish, claims: Sequence[int]) -> tuple[Resident, ...]:
        """A replica on devices of which it claims so much each."""
        if len(set(claims)) == 1:
            return (self._resident(wish, claims[0]),) * len(claims)
        return tuple(self._resident(wish, claim) for claim in claims)

    def _resident(self, wish: Wish, claim: int) -> Resident:
        """What its engine says for or against a replica's leaving."""
        engine = self.engines.get(wish.replica)
        idle_s, there_s = math.inf, math.inf
        if engine is not None and engine.state not in _EMPTY:
            there_s = max(self._now - engine.since, 0.0)
            idle_s = max(self._now - max(engine.last_used, engine.since), 0.0)
        is_loading = engine is not None and engine.state in _INVESTED
        is_settled = there_s >= self._residence_s and idle_s >= wish.model.idle_s
        return Resident(
            replica=wish.replica,
            memory_bytes=claim,
            priority=wish.model.priority,
            reload_s=wish.model.reload_s,
            idle_s=idle_s,
            is_busy=engine is not None and engine.is_busy,
            is_pinned=wish.model.is_pinned,
            is_asked_for=wish.is_asked_for,
            is_settled=is_settled and not is_loading,
        )


def _in_order(nodes: Iterable[NodeStatus]) -> list[tuple[str, Device]]:
    """Every device once, with its node, in PCI order of each kind."""
    found: dict[str, tuple[str, Device]] = {}
    for node in sorted(nodes, key=lambda node: node.node):
        for device in node.devices:
            found.setdefault(device.uuid, (node.node, device))
    return sorted(
        found.values(), key=lambda pair: (pair[0], pair[1].kind, pair[1].index, pair[1].uuid)
    )


def _makes(nodes: Sequence[str], devices: Sequence[Device]) -> Mapping[str, Makes]:
    """Makes by kind."""
    numbers: dict[tuple[str, str, str], list[int]] = {}
    for number, device in enumerate(devices):
        numbers.setdefault((nodes[number], device.kind, device.name), []).append(number)
    made: dict[str, list[Make]] = {}
    for (node, kind, name), members in numbers.items():
        made.setdefault(kind, []).append(Make(node, kind, name, tuple(members)))
    return {kind: Makes.of(makes) for kind, makes in made.items()}
