"""Wishes as the scheduler takes them, worked out again only where something of them has changed.

A plan is made up to twenty times a second, and what a model needs follows from files, settings and
devices that stay the same for hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from xinf.core.models import ModelIntent
from xinf.daemon.wanted import Known, wanted_model
from xinf.scheduler.snapshot import WantedModel


class Remembering:
    """Records are compared by identity: whoever changes one makes a new one."""

    def __init__(self) -> None:
        self._known: Known | None = None
        self._made: Mapping[str, tuple[ModelIntent, WantedModel]] = {}

    def wanted(self, intents: Mapping[str, ModelIntent], known: Known) -> tuple[WantedModel, ...]:
        """Every model that is wanted, by name, with what requests ask for now."""
        if self._known is None or not _is_same(self._known, known):
            self._made = {}
        self._known = known
        self._made = dict(_models(intents, known, self._made))
        return tuple(model for _, model in self._made.values())


def _models(
    intents: Mapping[str, ModelIntent],
    known: Known,
    before: Mapping[str, tuple[ModelIntent, WantedModel]],
) -> Iterator[tuple[str, tuple[ModelIntent, WantedModel]]]:
    for name, intent in sorted(intents.items()):
        if not intent.is_wanted:
            continue
        made = before.get(name)
        if made is None or made[0] is not intent:
            made = intent, wanted_model(name, intent, known)
        demand = known.demand.get(name)
        if made[1].demand != demand:
            made = intent, replace(made[1], demand=demand)
        yield name, made


def _is_same(before: Known, now: Known) -> bool:
    """Whether all but the demand is as it was."""
    return (
        before.facts is now.facts
        and before.footprints is now.footprints
        and before.engine_defaults is now.engine_defaults
        and before.device_kinds == now.device_kinds
        and before.judge == now.judge
    )
