"""The running daemon: which loops run beside each other, and in which order they end."""

from __future__ import annotations

import asyncio

from xinf.agent.agent import Agent
from xinf.core.clock import Clock
from xinf.daemon.face import Face
from xinf.daemon.planner import Planner
from xinf.daemon.stop import StopSignal
from xinf.gateway.serve import Doors, Serving, serving


async def live(
    planner: Planner, agent: Agent, face: Face, doors: Doors, *, stop: StopSignal, clock: Clock
) -> None:
    """Plan, reconcile and serve until `stop`. A loop that fails takes all of it down.

    What was accepted is finished before the engines are stopped, and they are gone on return.
    """
    async with asyncio.TaskGroup() as group:
        loops = [
            *(group.create_task(mirror.run()) for mirror in (*planner.mirrors, *face.mirrors)),
            group.create_task(planner.run(), name="planner"),
            group.create_task(face.table.run(), name="endpoints"),
        ]
        engines = group.create_task(agent.run(), name="agent")
        async with serving(doors, clock, group) as open_doors:
            loops.append(group.create_task(_hurry(stop, open_doors, agent), name="hurry"))
            await stop.drain.wait()
        agent.close()
        await engines
        for loop in loops:
            loop.cancel()


async def _hurry(stop: StopSignal, open_doors: Serving, agent: Agent) -> None:
    await stop.hurry.wait()
    open_doors.hurry()
    agent.close()
    agent.hurry()
