"""What should run, one replica at a time, and whose turn it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from xinf.core.models import Activation
from xinf.core.placement import (
    EngineConfig,
    Obstacle,
    ReplicaAssignment,
    Unplaced,
    replica_name,
)
from xinf.scheduler.snapshot import WantedModel


@dataclass(frozen=True, slots=True)
class Wish:
    """One replica that should exist, the `index`th of its model."""

    replica: str
    index: int
    model: WantedModel
    config: EngineConfig

    @property
    def is_asked_for(self) -> bool:
        """Whether requests wait for its model."""
        return self.model.demand is not None


@dataclass(frozen=True, slots=True)
class Claimant:
    """With which right a replica asks for memory that others hold.

    `is_person` = somebody might stop others for it by hand, who need not wait till they settle.
    """

    priority: int
    is_demanded: bool
    is_person: bool = False


def by_name(wanted: Iterable[WantedModel]) -> dict[str, WantedModel]:
    """Each model once, by name, the important ones first; of two with one name the first counts."""
    models: dict[str, WantedModel] = {}
    for model in sorted(wanted, key=lambda model: (-model.priority, model.name)):
        models.setdefault(model.name, model)
    return models


def wishes(models: Iterable[WantedModel], held: Mapping[str, ReplicaAssignment]) -> Iterator[Wish]:
    """A wish for each replica that is known how to run, be it only because it runs already."""
    for model in models:
        for index in range(model.replicas):
            replica = replica_name(model.name, index)
            before = held.get(replica)
            if model.problem:
                continue
            if model.is_pending:
                # What runs goes on while its files are being looked at again.
                if before is not None:
                    yield Wish(replica, index, model, before.config)
            elif model.config is not None:
                yield Wish(replica, index, model, model.config)


def problems(models: Iterable[WantedModel], held: Collection[str]) -> Iterator[Unplaced]:
    """Those of which nothing is known that could be run."""
    for model in models:
        obstacle, reason = _problem(model)
        for index in range(model.replicas if reason else 0):
            replica = replica_name(model.name, index)
            if obstacle is Obstacle.UNRESOLVED or replica not in held:
                yield Unplaced(replica, model.name, model.memory_bytes, 0, reason, obstacle)


def _problem(model: WantedModel) -> tuple[Obstacle, str]:
    if model.problem:
        return Obstacle.UNRESOLVED, model.problem
    if model.is_pending:
        return Obstacle.UNKNOWN_SIZE, "its files are still being looked at"
    if model.config is None:
        return Obstacle.UNRESOLVED, "nothing is known about how to run it"
    return Obstacle.NO_ROOM, ""


def waits_for_a_request(wish: Wish) -> bool:
    return wish.model.activation is Activation.ON_DEMAND and not wish.is_asked_for


def in_turn(newcomers: Iterable[Wish], running: Collection[str]) -> list[Wish]:
    """Those without a place in the order in which they get one: preloaded, asked for, the rest.

    `running` are models of which some replica has a place already: requests wait for their turn
    there, not for another copy. Of equals, who can go to one place only comes before who can go to
    many, and first copies before second ones.
    """
    return sorted(newcomers, key=lambda wish: _turn(wish, is_pressing(wish, running)))


def is_pressing(wish: Wish, running: Collection[str]) -> bool:
    """Whether this copy is what requests wait for."""
    return wish.is_asked_for and wish.index == 0 and wish.model.name not in running


def _turn(wish: Wish, pressing: bool) -> tuple[float | str, ...]:
    model = wish.model
    if model.activation is Activation.PRELOAD:
        return 0, -model.priority, not model.pins, wish.index, model.name
    if model.demand is not None and pressing:
        return 1, model.demand.priority, -model.priority, model.demand.since, model.name
    return 2, -model.priority, not model.pins, wish.index, model.name
