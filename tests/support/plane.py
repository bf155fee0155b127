"""The control plane's loops on a virtual clock: the real store, planner and agent, fake engines."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.clock import VirtualClock
from tests.support.engines import CPU, POLICY, FakeWorld
from tests.support.store import records
from xinf.agent.agent import Agent, AgentParts
from xinf.agent.process import PROC
from xinf.core.engines import RunningEngine
from xinf.core.events import Event
from xinf.core.models import ModelIntent
from xinf.core.nodes import Device, Sighting
from xinf.core.units import GIB
from xinf.daemon.picture import NoTraffic, Picture, Ways
from xinf.daemon.planner import Planner
from xinf.meta.records import Records
from xinf.scheduler.snapshot import PlanPolicy

PlannerOf = Callable[[Records, VirtualClock], Planner]


class RunningPlanner:
    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    async def settle(self) -> None:
        """Until a change has gone through store, mirror and plan."""
        await self._clock.advance(0.1)


def plain_planner(store: Records, clock: VirtualClock) -> Planner:
    picture = Picture(store, Ways(), NoTraffic(), clock)
    return Planner(store, picture, PlanPolicy(reserve_bytes=GIB), clock)


@asynccontextmanager
async def planning(
    store: Records, clock: VirtualClock, made_by: PlannerOf = plain_planner
) -> AsyncIterator[RunningPlanner]:
    planner = made_by(store, clock)
    loops = [asyncio.ensure_future(mirror.run()) for mirror in planner.mirrors]
    loops.append(asyncio.ensure_future(planner.run()))
    try:
        yield RunningPlanner(clock)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


class Plane:
    """Wishes go in through `records`; what is comes out of them, and of `world`."""

    def __init__(self, clock: VirtualClock, store: Records, world: FakeWorld) -> None:
        self.clock = clock
        self.records = store
        self.world = world
        self.events: list[Event] = []
        self.agent: Agent

    async def wish(self, name: str, intent: ModelIntent | None) -> None:
        if intent is None:
            await self.records.models.delete(name)
        else:
            await self.records.models.put(name, intent)

    async def engines(self) -> dict[str, RunningEngine]:
        found = await self.records.engines.list()
        return {engine.replica: engine for engine in found.values()}


@asynccontextmanager
async def plane(devices: tuple[Device, ...] = (CPU,)) -> AsyncIterator[Plane]:
    """Planner and agent on one store. Leaving the block closes the agent in order."""
    world = FakeWorld(VirtualClock())
    world.seen = Sighting(devices)
    async with plane_of(world) as made:
        yield made


@asynccontextmanager
async def plane_of(
    world: FakeWorld, made_by: PlannerOf = plain_planner, proc: Path = PROC
) -> AsyncIterator[Plane]:
    """As `plane`, with another world or planner. `proc` tells of the world's processes."""
    clock = world.clock
    with tempfile.TemporaryDirectory(dir="/tmp") as sockets:
        async with records(clock) as store, planning(store, clock, made_by):
            made = Plane(clock, store, world)
            parts = AgentParts(
                node="local",
                policy=POLICY,
                clock=clock,
                provision=world,
                launcher=world,
                connect=world.connect,
                sample_devices=world.look,
                socket_dir=Path(sockets),
                tell=made.events.append,
                proc=proc,
            )
            agent = made.agent = Agent(parts, store)
            await agent.prepare()
            running = asyncio.ensure_future(agent.run())
            try:
                yield made
                agent.close()
                for _ in range(600):
                    if running.done():
                        break
                    await clock.advance(0.1)
                    await asyncio.sleep(0.001)  # its last step waits for a real thread
                running.result()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    assert all(shim.is_destroyed for shim in world.shims)
    assert world.crowded == []
