"""The agent of one node: reconciler, publisher and heartbeat under one roof."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from xinf.agent.footprints import Footprints
from xinf.agent.gate import Gate
from xinf.agent.heartbeat import Heartbeat
from xinf.agent.launcher import Launcher
from xinf.agent.orphans import clear_sockets, end_orphans
from xinf.agent.owners import Owners
from xinf.agent.ports import AgentPolicy, Ports, Probe, Provision
from xinf.agent.process import PROC
from xinf.agent.publisher import Publisher
from xinf.agent.reconciler import Reconciler
from xinf.agent.sightings import with_owners
from xinf.agent.wake import Wake
from xinf.core.clock import Clock
from xinf.core.engines import RunningEngine
from xinf.core.nodes import Sighting
from xinf.core.placement import ReplicaAssignment
from xinf.core.states import EngineState
from xinf.meta.records import Records
from xinf.observe.events import Tell, drop
from xinf.observe.told import engine_event

log = logging.getLogger("xinf.agent")


@dataclass(frozen=True, slots=True)
class AgentParts:
    """What an agent is made of; the composition root chooses each. `tell` hears every event, `proc`
    is where the kernel tells of processes.
    """

    node: str
    policy: AgentPolicy
    clock: Clock
    provision: Provision
    launcher: Launcher
    connect: Callable[[str], Probe]
    sample_devices: Callable[[], Awaitable[Sighting]]
    socket_dir: Path
    tell: Tell = drop
    proc: Path = PROC


class Agent:
    def __init__(self, parts: AgentParts, records: Records) -> None:
        self._parts = parts
        self._records = records
        self._wake = Wake(parts.clock)
        self._publisher = Publisher(records, parts.node)
        self._states: dict[str, EngineState] = {}
        self._assignments = records.assignments.mirror()
        self._assignments.subscribe(self._wake.ring)
        self._owners = Owners(parts.proc)
        self._footprints = Footprints(records, parts.clock)
        self._heartbeat = Heartbeat(
            parts.node, self._look, records, parts.clock, parts.policy.resync_s
        )
        ports = Ports(
            node=parts.node,
            clock=parts.clock,
            policy=parts.policy,
            provision=parts.provision,
            launcher=parts.launcher,
            connect=parts.connect,
            publish=self._publish,
            tell_progress=self._publisher.tell_progress,
            gate=Gate(self._look, parts.clock, parts.policy.memory_wait_s),
            measured=self._footprints.note,
        )
        self._reconciler = Reconciler(self._desired, ports, self._wake, self._forget)

    async def prepare(self) -> int:
        """End what a predecessor left, forget its records, look at the devices; call once, first.

        Returns the number of engines that had to be ended. Raises XinfError.
        """
        left, strange = await self._records.engines.readable()
        own = {name: engine for name, engine in left.items() if engine.node == self._parts.node}
        ended = await end_orphans(own.values(), self._parts.socket_dir, self._parts.clock)
        for name in (*own, *strange):
            await self._records.engines.delete(name)
        steps, others = await self._records.progress.readable()
        for name in (*steps, *others):
            await self._records.progress.delete(name)
        await self._heartbeat.beat()
        return ended

    async def run(self) -> None:
        """Until `close`; when it returns, no engine of this node runs and the store says so."""
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._assignments.run(), name="assignments"),
                group.create_task(self._publisher.run(), name="publisher"),
                group.create_task(self._heartbeat.run(), name="heartbeat"),
                group.create_task(self._footprints.run(), name="footprints"),
            ]
            await self._assignments.synced()
            await self._reconciler.run()
            for helper in helpers:
                helper.cancel()
        await self._publisher.flush()
        await self._footprints.flush()
        await asyncio.to_thread(clear_sockets, self._parts.socket_dir)

    def observed(self) -> tuple[RunningEngine, ...]:
        return self._reconciler.observed()

    def close(self) -> None:
        """Begin to drain and stop everything."""
        self._reconciler.close()

    def hurry(self) -> None:
        """Stop waiting for anything to drain."""
        self._reconciler.hurry()

    async def _look(self) -> Sighting:
        """At the devices; whoever looks, every replica gets to know."""
        found = await self._parts.sample_devices()
        seen = with_owners(found, self._owners.among(self.observed()))
        self._reconciler.sighted(seen)
        return seen

    def _desired(self) -> tuple[ReplicaAssignment, ...]:
        return tuple(
            assignment
            for assignment in self._assignments.items.values()
            if assignment.node == self._parts.node
        )

    def _publish(self, record: RunningEngine) -> None:
        if self._states.get(record.replica) is not record.state:
            self._states[record.replica] = record.state
            log.info("%s: %s (%s)", record.replica, record.state, record.reason)
            self._parts.tell(engine_event(record))
        self._publisher.publish(record)
        self._wake.ring()

    def _forget(self, replica: str) -> None:
        self._states.pop(replica, None)
        self._publisher.forget(replica)
