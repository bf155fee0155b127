"""The best placement that there is, found by trying all: slow, and only for small machines.

It knows devices, memory, pins and models that take several devices; not what runs already. So it
says how much a greedy plan of an empty machine leaves undone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from tests.support.clusters import cluster, gpu, model
from xinf.core.memory import Sizing
from xinf.core.nodes import Device
from xinf.core.placement import PlacementPlan
from xinf.core.units import GIB
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, PlanPolicy, WantedModel

# Replicas with a place, by priority, the highest first. Compared like words in a dictionary.
Outcome = tuple[int, ...]
STRATEGIES = ("idle_first", "pack", "spread")


@dataclass(frozen=True)
class Case:
    """A small empty machine and what should run on it."""

    devices: tuple[Device, ...]
    wanted: tuple[WantedModel, ...]

    @property
    def snapshot(self) -> ClusterSnapshot:
        return cluster(self.devices, self.wanted)

    @property
    def priorities(self) -> list[int]:
        return sorted({each.priority for each in self.wanted}, reverse=True)


def random_case(chance: random.Random) -> Case:
    """Up to 3 cards of two names and up to 6 replicas of three priorities, too much as a rule."""
    devices = [
        gpu(index, chance.choice((16, 24, 32)), name=chance.choice(("card", "card", "other")))
        for index in range(chance.randint(1, 3))
    ]
    wanted: list[WantedModel] = []
    left = chance.randint(2, 6)
    while left > 0:
        copies = min(chance.choice((1, 1, 2)), left)
        left -= copies
        wanted.append(
            model(
                f"m{len(wanted)}",
                chance.randint(2, 24),
                replicas=copies,
                priority=chance.randint(0, 2),
                sizing=Sizing(0, devices=chance.choice((1, 1, 1, 1, 2))),
                pins=("GPU-0",) if chance.random() < 0.1 else (),
            )
        )
    return Case(tuple(devices), tuple(wanted))


def with_more_memory(case: Case, chance: random.Random) -> Case:
    """The same with one card larger."""
    index = chance.randrange(len(case.devices))
    larger = replace(
        case.devices[index],
        memory_total=case.devices[index].memory_total + chance.randint(1, 16) * GIB,
    )
    devices = (*case.devices[:index], larger, *case.devices[index + 1 :])
    return replace(case, devices=devices)


def planned(case: Case, policy: PlanPolicy) -> Outcome:
    """What the scheduler makes of it."""
    return outcome(case, plan(case.snapshot, policy))


def outcome(case: Case, found: PlacementPlan) -> Outcome:
    priority = {each.name: each.priority for each in case.wanted}
    placed = [priority[entry.model] for entry in found.assignments]
    return tuple(placed.count(each) for each in case.priorities)


def weight(case: Case, found: Outcome) -> int:
    """Demand that is served: a replica counts 4 times as much as one of the next priority."""
    scales = (4 ** (len(case.priorities) - 1 - rank) for rank in range(len(case.priorities)))
    return sum(scale * count for scale, count in zip(scales, found, strict=True))


def best(case: Case, reserve: int) -> Outcome:
    """The most that any placement serves."""
    ranked = sorted(case.wanted, key=lambda each: (-each.priority, each.name))
    replicas = [each for each in ranked for _ in range(each.replicas)]
    return _Search(case, replicas).best([each.memory_total - reserve for each in case.devices])


class _Search:
    """Tries every spot for every replica, the important ones first."""

    def __init__(self, case: Case, replicas: Sequence[WantedModel]) -> None:
        self._priorities = case.priorities
        self._replicas = replicas
        self._spots = [tuple(_spots(case.devices, each)) for each in replicas]
        self._best: Outcome = ()

    def best(self, free: Sequence[int]) -> Outcome:
        self._best = (0,) * len(self._priorities)
        self._try(0, tuple(free), self._best)
        return self._best

    def _try(self, index: int, free: tuple[int, ...], served: Outcome) -> None:
        self._best = max(self._best, served)
        if index == len(self._replicas) or self._at_most(index, served) <= self._best:
            return
        wanted = self._replicas[index]
        for spot in self._spots[index]:
            if all(free[number] >= wanted.memory_bytes for number in spot):
                left = tuple(
                    size - wanted.memory_bytes * (number in spot)
                    for number, size in enumerate(free)
                )
                self._try(index + 1, left, self._with(served, wanted.priority))
        self._try(index + 1, free, served)

    def _with(self, served: Outcome, priority: int) -> Outcome:
        rank = self._priorities.index(priority)
        return (*served[:rank], served[rank] + 1, *served[rank + 1 :])

    def _at_most(self, index: int, served: Outcome) -> Outcome:
        """If all that is still to be tried found a place."""
        for each in self._replicas[index:]:
            served = self._with(served, each.priority)
        return served


def _spots(devices: Sequence[Device], wanted: WantedModel) -> Iterator[tuple[int, ...]]:
    numbers = [
        number
        for number, device in enumerate(devices)
        if not wanted.pins or device.uuid in wanted.pins
    ]
    count = len(wanted.pins) or wanted.sizing.devices
    for spot in combinations(numbers, count):
        if len({devices[number].name for number in spot}) == 1:
            yield spot


@dataclass(frozen=True)
class Comparison:
    """Over many cases: in how many the plan served as much as the best placement, how much of the
    weighted demand it served, and in how many a larger card made it serve less.
    """

    cases: int
    as_good: int
    served: float
    worse_with_more: int


def compare(cases: int, seed: int, policy: PlanPolicy) -> Comparison:
    """The greedy plan against the best one; the same seed gives the same cases."""
    chance = random.Random(seed)
    as_good = worse = mine = theirs = 0
    for _ in range(cases):
        case = random_case(chance)
        found, most = planned(case, policy), best(case, policy.reserve_bytes)
        as_good += found == most
        mine += weight(case, found)
        theirs += weight(case, most)
        worse += planned(with_more_memory(case, chance), policy) < found
    return Comparison(cases, as_good, mine / max(theirs, 1), worse)
