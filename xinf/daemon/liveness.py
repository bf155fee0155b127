"""Are the workers alive? Each renews a lease; here one sees whose has stood still for too long.

What such a worker last said of its node still stands in the store, and nobody would notice. So its
node is marked, with the reason, which `xinf status` shows. The worker takes the mark away itself,
by saying again what it sees.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from xinf.core.clock import Clock
from xinf.core.nodes import NodeStatus
from xinf.meta.leases import Observer
from xinf.meta.records import Records
from xinf.meta.store import LeaseTable

log = logging.getLogger("xinf.workers")

LOOK_S = 2.5

# A worker that follows a killed one waits 10 s for its lease, and is not to be missed before.
SILENT_AFTER_S = 15.0


def lease_of(node: str) -> str:
    """The lease that the worker of `node` holds."""
    return f"worker/{node}"


class Liveness:
    def __init__(self, records: Records, leases: LeaseTable, clock: Clock) -> None:
        self._records = records
        self._leases = leases
        self._clock = clock
        self._observers: dict[str, Observer] = {}
        self._silent: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            nodes, _ = await self._records.nodes.readable()
            for node in nodes:
                await self.look(node)
            await self._clock.sleep(LOOK_S)

    async def look(self, node: str) -> None:
        """Mark `node` once if its worker is silent; the next worker clears that first of all."""
        state = await self._leases.read_lease(lease_of(node))
        observer = self._observers.setdefault(node, Observer())
        if observer.still_for(state, self._clock.now()) < SILENT_AFTER_S:
            if node in self._silent:
                self._silent.discard(node)
                log.info("the worker of node %s is heard of again", node)
            return
        if node in self._silent:
            return
        is_gone = state is None or state.holder is None
        reason = f"node {node} has no worker" if is_gone else f"the worker of node {node} is silent"
        self._silent.add(node)
        log.warning("%s", reason)
        await self._records.nodes.update(node, lambda before: _marked(before, reason))


def _marked(status: NodeStatus | None, reason: str) -> NodeStatus | None:
    return status and replace(status, is_degraded=True, reason=reason)
