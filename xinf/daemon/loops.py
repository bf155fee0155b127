"""The running daemon: which loops run beside each other, and in which order they end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from xinf.agent.agent import Agent
from xinf.core.clock import Clock
from xinf.daemon.face import Face
from xinf.daemon.planner import Planner
from xinf.daemon.reload import Reload
from xinf.daemon.signals import Signals
from xinf.gateway.serve import Doors, Serving, serving


@dataclass(frozen=True, slots=True)
class Control:
    """The control half: it plans, and answers at its doors."""

    planner: Planner
    face: Face
    doors: Doors
    reload: Reload

    def start(self, group: asyncio.TaskGroup, signals: Signals) -> list[asyncio.Task[None]]:
        """Its loops, which run until cancelled."""
        mirrors = (*self.planner.mirrors, *self.face.mirrors)
        return [
            *(group.create_task(mirror.run()) for mirror in mirrors),
            group.create_task(self.planner.run(), name="planner"),
            group.create_task(self.face.table.run(), name="endpoints"),
            group.create_task(self.reload.run(signals.reread), name="reload"),
        ]


# A loop that runs beside the others until everything else has ended.
Chore = Callable[[], Coroutine[Any, Any, None]]


async def live(
    control: Control | None,
    agent: Agent | None,
    chores: Iterable[Chore],
    *,
    signals: Signals,
    clock: Clock,
) -> None:
    """Plan, serve and reconcile, whichever half is there, until `signals` say so.

    A loop that fails takes all of it down. What was accepted is finished before the engines are
    stopped, and they are gone on return.
    """
    async with asyncio.TaskGroup() as group:
        loops = control.start(group, signals) if control else []
        loops += [group.create_task(chore()) for chore in chores]
        engines = group.create_task(_engines(agent, control), name="agent") if agent else None
        async with AsyncExitStack() as owned:
            doors = (
                await owned.enter_async_context(serving(control.doors, clock, group))
                if control
                else None
            )
            loops.append(group.create_task(_hurry(signals, doors, agent), name="hurry"))
            await signals.drain.wait()
        if agent is not None and engines is not None:
            agent.close()
            await engines
        for loop in loops:
            loop.cancel()


async def _engines(agent: Agent, control: Control | None) -> None:
    """The engines of the plan that is made now: that of an xinf before may name what nobody wants
    any more, and devices that are gone.
    """
    if control is not None:
        await control.planner.planned()
    await agent.run()


async def _hurry(signals: Signals, doors: Serving | None, agent: Agent | None) -> None:
    await signals.hurry.wait()
    if doors is not None:
        doors.hurry()
    if agent is not None:
        agent.close()
        agent.hurry()
