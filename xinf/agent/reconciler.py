"""Look, diff, act, wait: makes the engines of one node match its assignments.

Everything interesting is in `diff` (what to do) and `replica` (doing it). Whatever happens, a
changed assignment, an engine's death, the passing of time, only rings the bell; what to do is
worked out from the whole state each time. One Replica per name lives at a time, so nothing runs
twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from xinf.agent.diff import Action, ForgetEngine, StartEngine, StopEngine, diff
from xinf.agent.ports import Ports
from xinf.agent.replica import Replica
from xinf.agent.wake import Wake
from xinf.core.engines import RunningEngine
from xinf.core.nodes import Sighting
from xinf.core.placement import ReplicaAssignment


class Reconciler:
    """`desired` is read anew at each look. `forget` is told of replicas whose record can go."""

    def __init__(
        self,
        desired: Callable[[], Iterable[ReplicaAssignment]],
        ports: Ports,
        wake: Wake,
        forget: Callable[[str], None],
    ) -> None:
        self._desired = desired
        self._ports = ports
        self._wake = wake
        self._forget = forget
        self._replicas: dict[str, Replica] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_closing = False

    def observed(self) -> tuple[RunningEngine, ...]:
        """A snapshot; never waits."""
        return tuple(replica.record for replica in self._replicas.values())

    def sighted(self, seen: Sighting) -> None:
        """Let every replica know what a look at the devices showed."""
        for replica in self._replicas.values():
            replica.sighted(seen)

    async def run(self) -> None:
        """Until `close`, and then until nothing runs any more."""
        async with asyncio.TaskGroup() as group:
            while not (self._is_closing and not self._tasks):
                now = self._ports.clock.wall()
                found = diff(self._wanted(), self.observed(), now)
                for action in found.actions:
                    self._apply(action, group)
                await self._wake.wait(self._patience_s(found.look_again_at, now))

    def close(self) -> None:
        """Begin to stop everything, draining; `run` returns when it is done."""
        self._is_closing = True
        self._ports.gate.close()
        self._wake.ring()

    def hurry(self) -> None:
        """End what still runs without waiting for it to drain."""
        for task in self._tasks.values():
            task.cancel()

    def _wanted(self) -> tuple[ReplicaAssignment, ...]:
        return () if self._is_closing else tuple(self._desired())

    def _patience_s(self, look_again_at: float | None, now: float) -> float:
        resync_s = self._ports.policy.resync_s
        return resync_s if look_again_at is None else min(resync_s, max(look_again_at - now, 0.0))

    def _apply(self, action: Action, group: asyncio.TaskGroup) -> None:
        """A record at rest may belong to a task with a last step to make; its end rings again."""
        match action:
            case StopEngine(name, why):
                self._replicas[name].stop(why)
            case ForgetEngine(name):
                if name not in self._tasks:
                    del self._replicas[name]
                    self._forget(name)
            case StartEngine(assignment):
                if assignment.replica not in self._tasks:
                    self._start(action, group)

    def _start(self, action: StartEngine, group: asyncio.TaskGroup) -> None:
        name = action.assignment.replica
        before = self._replicas.get(name)
        failures = before.failures if action.is_retry and before is not None else ()
        replica = Replica(action.assignment, failures, self._ports, action.why)
        task = group.create_task(replica.run(), name=f"replica {name}")
        self._replicas[name], self._tasks[name] = replica, task
        task.add_done_callback(lambda _: self._ended(name))

    def _ended(self, name: str) -> None:
        del self._tasks[name]
        self._wake.ring()
