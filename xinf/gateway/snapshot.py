"""The admin API's JSON: models, replicas and devices as `ls`, `ps` and `status` show them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from xinf.core.ledger import book, open_accounts
from xinf.core.nodes import NodeStatus
from xinf.core.views import device_view
from xinf.gateway.health import Readiness
from xinf.router.endpoints import EndpointTable
from xinf.router.overview import Overview
from xinf.router.ports import Mirrored


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Reads only memory. `waiting` counts the requests in line for a model. `others` is what
    programs that are not ours hold on each device, by UUID (one that is missing has not been judged
    yet), `reserve` what is left free on each; in bytes.
    """

    overview: Overview
    table: EndpointTable
    readiness: Readiness
    nodes: Mirrored[NodeStatus]
    waiting: Callable[[str], int] = lambda _: 0
    others: Callable[[], Mapping[str, int]] = dict
    reserve: int = 0

    def models(self, only: str | None = None) -> list[dict[str, Any]]:
        rows = self.overview.model_rows()
        return [
            asdict(replace(row, waiting=self.waiting(row.name)))
            for row in rows
            if only in (None, row.name)
        ]

    def replicas(self, only: str | None = None) -> list[dict[str, Any]]:
        rows = self.overview.replica_rows(self.table)
        return [asdict(row) for row in rows if only in (None, row.model)]

    def devices(self) -> list[dict[str, Any]]:
        found = [device for node in self.nodes.items.values() for device in node.devices]
        accounts = book(open_accounts(found, self.reserve), self.overview.plan.assignments)
        others = self.others()
        views = (device_view(each, accounts[each.uuid], others.get(each.uuid)) for each in found)
        return [asdict(view) for view in views]

    def device_problems(self) -> list[str]:
        """What is known to be wrong with devices, in words: with those that cannot be relied upon,
        and with those that work for now.
        """
        nodes = self.nodes.items.values()
        ailing = (device for node in nodes for device in node.devices if device.problem)
        return [
            *(node.reason for node in nodes if node.is_degraded),
            *(f"{each.id} ({each.name}, {each.uuid}): {each.problem}" for each in ailing),
        ]

    def watched(self, only: str | None) -> dict[str, Any]:
        """One line of a watch."""
        return {
            "models": self.models(only),
            "replicas": self.replicas(only),
            "ready": self._is_ready(only),
        }

    def _is_ready(self, only: str | None) -> bool:
        if only is not None:
            return self.readiness.answers(only)
        return not self.readiness.missing()

    @contextmanager
    def changes(self) -> Generator[asyncio.Event]:
        """An event that is set at every change of anything shown here, while the block lasts."""
        changed = asyncio.Event()
        ends = [
            subscribe(changed.set)
            for subscribe in (
                self.overview.subscribe,
                self.table.subscribe,
                self.nodes.subscribe,
            )
        ]
        try:
            yield changed
        finally:
            for end in ends:
                end()
