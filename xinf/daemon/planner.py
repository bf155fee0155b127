"""The plan loop: store to snapshot to plan to store.

Whenever a wish, a machine, an engine or the traffic changes, the whole picture is taken,
`scheduler.plan` decides, and the difference to what stands in the store is written as one
transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from xinf.agent.wake import Wake
from xinf.core.clock import Clock
from xinf.core.events import Event
from xinf.core.facts import ModelFacts
from xinf.core.models import ModelIntent
from xinf.core.placement import PlacementPlan, ReplicaAssignment
from xinf.daemon.picture import Picture
from xinf.daemon.settling import Settling
from xinf.meta.mirror import Mirror
from xinf.meta.records import CURRENT_PLAN, Records
from xinf.meta.store import Delete, Operation
from xinf.observe.planned import plan_events
from xinf.scheduler.holdings import foreign
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, PlanPolicy

log = logging.getLogger("xinf.plan")

RESYNC_S = 5.0
# However often the bell rings: a plan is made for people and engines, not for each request.
PAUSE_S = 0.05
# Models times devices that are planned within the loop's patience (design.md §1).
INLINE = 50 * 8


class Planner:
    """`tell` hears of what becomes of replicas."""

    def __init__(
        self,
        records: Records,
        picture: Picture,
        policy: PlanPolicy,
        clock: Clock,
        tell: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self._records = records
        self.picture = picture
        self.policy = policy
        self._clock = clock
        self._tell = tell
        # What others were last known to hold on each device: not at every moment can that be seen.
        self._foreign: Mapping[str, int] = {}
        self._settling = Settling()
        self._wake = Wake(clock)
        self._has_planned = asyncio.Event()
        picture.subscribe(self._wake.ring)

    @property
    def mirrors(self) -> tuple[Mirror[Any], ...]:
        return self.picture.mirrors

    @property
    def others(self) -> Mapping[str, int]:
        """Bytes that programs of others hold, by the device's UUID, as the last plan judged it."""
        return self._foreign

    def ring(self) -> None:
        """Something else that a plan depends on has changed: look again."""
        self._wake.ring()

    async def run(self) -> None:
        """Plan for ever. Whoever runs this also runs its `mirrors`."""
        await self.picture.synced()
        while True:
            await self.look()
            self._has_planned.set()
            await self._clock.sleep(PAUSE_S)
            await self._wake.wait(RESYNC_S)

    async def planned(self) -> None:
        """Until a plan of this run is in force; before, that of the last run may stand."""
        await self._has_planned.wait()

    async def look(self) -> PlacementPlan:
        """One turn: decide, and write what changed."""
        snapshot = await self.snapshot()
        before = snapshot.current
        self._foreign = foreign(snapshot)
        after = await self._plan(snapshot)
        standing, strange = await self._records.assignments.readable()
        operations = list(self._changes(before, after, {**standing, **dict.fromkeys(strange)}))
        if operations:
            await self._records.store.transact(operations)
        for event in plan_events(before, after, self._clock.wall()):
            log.info("%s: %s (%s)", event.kind, event.subject, event.message)
            self._tell(event)
        return after

    async def _plan(self, snapshot: ClusterSnapshot) -> PlacementPlan:
        """A large one in a thread, so that nobody waits for it."""
        devices = sum(len(node.devices) for node in snapshot.nodes)
        if len(snapshot.wanted) * devices <= INLINE:
            return plan(snapshot, self.policy)
        return await asyncio.to_thread(plan, snapshot, self.policy)

    async def snapshot(
        self,
        intents: Mapping[str, ModelIntent] | None = None,
        facts: Mapping[str, ModelFacts] | None = None,
    ) -> ClusterSnapshot:
        """All that the next plan depends on now, or would with other `intents` and `facts`."""
        plans, _ = await self._records.plans.readable()
        current = plans.get(CURRENT_PLAN, PlacementPlan())
        found = self.picture.snapshot(current, intents, self._foreign, facts)
        self._settling.note(found.engines, found.now)
        return replace(found, unsettled=self._settling.unsettled(found.now))

    def _changes(
        self,
        before: PlacementPlan,
        after: PlacementPlan,
        standing: Mapping[str, ReplicaAssignment | None],
    ) -> Iterator[Operation]:
        if after != before:
            yield self._records.plans.put_operation(CURRENT_PLAN, after)
        due = {f"{entry.node}/{entry.replica}": entry for entry in after.assignments}
        for name in sorted(standing.keys() - due.keys()):
            yield Delete(self._records.assignments.key(name))
        for name, entry in due.items():
            if standing.get(name) != entry:
                yield self._records.assignments.put_operation(name, entry)
