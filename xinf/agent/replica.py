"""One life of one replica: provision, start, load, serve, and whatever ends it.

A Replica owns its record; nobody else writes it. It runs in one task from start to rest. Being
asked to stop is an interruption that reaches it wherever it waits; the death of its shim is
another. What became of it is in the record when `run` returns: stopped, in back-off, or failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from xinf.agent.backoff import GiveUp, after_failure, after_hindrance
from xinf.agent.gate import Hindered, Turn
from xinf.agent.ground import Ground
from xinf.agent.launcher import Shim
from xinf.agent.ports import Ports, Probe
from xinf.agent.progress import ProgressMeter
from xinf.agent.watch import MEMORY_STEP_BYTES, EngineLost, watch_health
from xinf.core.engines import RunningEngine
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.footprints import has_moved
from xinf.core.nodes import Sighting
from xinf.core.placement import ReplicaAssignment
from xinf.core.progress import Step
from xinf.core.states import EngineState, advance
from xinf.core.units import format_seconds

# A status file is polled, for a shim that loads cannot call; 50 ms is nothing to a start.
STATUS_POLL_S = 0.05
# The shim's word for options that no further try can make right (see shim/__main__).
EXIT_BAD_OPTIONS = 64
_PHASES = {"loading": EngineState.LOADING, "warming": EngineState.WARMING}

# What a record no longer says once there is no process.
_GONE: Mapping[str, Any] = MappingProxyType(
    {"memory": {}, "memory_bytes": 0, "identity": None, "address": None}
)

T = TypeVar("T")


class StopAsked(Exception):
    """Somebody wants this replica gone."""


class Replica:
    def __init__(
        self, assignment: ReplicaAssignment, failures: tuple[float, ...], ports: Ports, why: str
    ) -> None:
        self.assignment = assignment
        self.failures = failures
        self._ports = ports
        self._stop = asyncio.Event()
        self._stop_why = ""
        self._serving_since: float | None = None
        self._ground = Ground(assignment)
        self.record = RunningEngine(
            replica=assignment.replica,
            model=assignment.model,
            node=assignment.node,
            state=EngineState.PENDING,
            reason=why,
            since=ports.clock.wall(),
            engine=assignment.config.engine,
            runtime=assignment.config.runtime,
            fingerprint=assignment.fingerprint,
            devices=assignment.devices,
            failures=len(failures),
            planned_context=assignment.context,
        )
        ports.publish(self.record)

    def stop(self, why: str) -> None:
        """Begin to stop: running requests drain first. Returns at once; asking again is fine."""
        self._stop_why = self._stop_why or why
        self._stop.set()

    def sighted(self, seen: Sighting) -> None:
        """What a look at the devices showed: how full they are, with whose processes, or lost."""
        self._ground.sighted(seen)
        self._weigh()

    async def run(self) -> None:
        """Live until stopped or dead. Raises nothing but cancellation."""
        try:
            await self._live()
        except StopAsked:
            self._move(EngineState.STOPPED, self._stop_why)
        except Hindered as hindered:
            self._hinder(hindered.reason)
        except EngineLost as lost:
            self._fail(lost.reason, is_final=False)
        except XinfError as error:
            self._fail(str(error), is_final=not error.kind.retryable)
        except OSError as error:
            self._fail(f"its process could not be started: {error}", is_final=False)
        finally:
            self._ports.tell_progress(self.record.replica, None)

    async def _live(self) -> None:
        self._move(EngineState.PROVISIONING, "preparing its runtime and files")
        meter = ProgressMeter(self.assignment, self._ports)
        launch = await self._unless_stopped(
            self._ports.provision.prepare(self.assignment, meter.report)
        )
        async with AsyncExitStack() as owned:
            turn = owned.enter_context(self._ports.gate.turn(self.assignment))
            await self._unless_lost(self._ports.gate.start(turn, self._explain))
            self._move(EngineState.STARTING, "starting its process")
            shim = await self._ports.launcher.launch(self.assignment, launch)
            owned.push_async_callback(shim.destroy)
            # Whatever ends it: nobody starts there before its memory is given back.
            owned.callback(self._ports.gate.hold, turn)
            probe = self._ports.connect(shim.address)
            owned.push_async_callback(probe.close)
            self._note(identity=shim.identity, address=shim.address)
            try:
                await self._unless_gone(shim, self._become_ready(shim, probe, meter))
                self._ports.gate.leave(turn)
                await self._unless_gone(shim, watch_health(probe, self._ports, self._reported))
            except StopAsked:
                await self._bring_down(shim, probe, turn)
                raise
            except Hindered as hindered:
                # Told before its processes are gone: a device that is lost may hold them for long.
                self._hinder(hindered.reason)
                raise

    async def _become_ready(self, shim: Shim, probe: Probe, meter: ProgressMeter) -> None:
        policy = self._ports.policy
        try:
            async with self._ports.clock.timeout(policy.start_deadline_s):
                await self._follow_status(shim, meter)
                health = await probe.health(policy.start_deadline_s)
                facts = await probe.info(policy.start_deadline_s)
        except TimeoutError:
            waited = format_seconds(policy.start_deadline_s)
            raise EngineLost(f"not ready within {waited} (agent.start_deadline)") from None
        if not health.is_serving:
            raise EngineLost(health.reason)
        self._serving_since = self._ports.clock.now()
        self._ports.tell_progress(self.record.replica, None)
        self._ground.engine_version = facts.version
        # What was last seen of it may be from the middle of its load.
        await self._ports.gate.look()
        self._note(context=facts.context)
        self._move(EngineState.READY, "serving")
        self._reported(health.load.memory_bytes)

    async def _follow_status(self, shim: Shim, meter: ProgressMeter) -> None:
        """Until the shim says that it is ready; its death is noticed elsewhere."""
        while True:
            status = shim.status()
            if status is not None:
                if status.phase == "ready":
                    return
                state = _PHASES.get(status.phase)
                if state is not None and state is not self.record.state:
                    self._move(state, status.message or status.phase)
                meter.report(Step(status.message or status.phase, status.progress, 1.0, "share"))
            await self._ports.clock.sleep(STATUS_POLL_S)

    async def _bring_down(self, shim: Shim, probe: Probe, turn: Turn) -> None:
        """Wait for its turn while it still serves, drain, ask, and give it a moment.

        `destroy` sees to whatever is left.
        """
        policy, clock = self._ports.policy, self._ports.clock
        gone = asyncio.ensure_future(shim.wait())
        try:
            await _first(gone, self._ports.gate.stop(turn, self._explain_stop))
            if self.record.state is EngineState.READY:
                self._move(EngineState.DRAINING, self._stop_why)
                await _first(gone, _quietly(probe.drain(policy.drain_timeout_s)))
            self._move(EngineState.STOPPING, self._stop_why)
            shim.terminate()
            await _first(gone, clock.sleep(policy.stop_grace_s))
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        return await _race(work, self._wait_stop())

    async def _unless_lost(self, work: Coroutine[Any, Any, T]) -> T:
        return await _race(work, self._wait_stop(), self._ground.wait_lost())

    async def _unless_gone(self, shim: Shim, work: Coroutine[Any, Any, T]) -> T:
        others = (self._wait_stop(), self._ground.wait_lost(), self._wait_gone(shim))
        return await _race(work, *others)

    async def _wait_stop(self) -> None:
        await self._stop.wait()
        raise StopAsked

    async def _wait_gone(self, shim: Shim) -> None:
        report = await shim.wait()
        if report.code == EXIT_BAD_OPTIONS:
            raise XinfError(
                ErrorCode.CONFIG_INVALID,
                thing=f"replica {self.record.replica}",
                cause=report.reason,
                next_step="Change the model's settings; that starts it again",
            )
        words = shim.last_words()
        raise EngineLost(f"{report.reason}; last words:\n{words}" if words else report.reason)

    def _fail(self, reason: str, *, is_final: bool) -> None:
        now = self._ports.clock.wall()
        since = self._serving_since
        healthy_s = 0.0 if since is None else self._ports.clock.now() - since
        policy = self._ports.policy.backoff
        verdict = after_failure(policy, self.failures, healthy_s, now)
        self.failures = verdict.failures
        self._note(failures=len(verdict.failures), **_GONE)
        if is_final:
            self._move(EngineState.FAILED, reason)
        elif isinstance(verdict, GiveUp):
            within = format_seconds(policy.window_s)
            reason = f"failed {len(verdict.failures)} times in {within}, last: {reason}"
            self._move(EngineState.FAILED, reason)
        else:
            self._note(retry_at=verdict.at)
            self._move(EngineState.BACKOFF, reason)

    def _hinder(self, reason: str) -> None:
        if self.record.state is not EngineState.BACKOFF:
            policy, now = self._ports.policy, self._ports.clock.wall()
            retry = after_hindrance(self.failures, policy.resync_s, now)
            self._note(retry_at=retry.at, is_hindered=True, **_GONE)
            self._move(EngineState.BACKOFF, reason)

    def _explain(self, waits_for: str) -> None:
        if self.record.reason != waits_for:
            self._note(reason=waits_for)

    def _explain_stop(self, waits_for: str) -> None:
        self._explain(f"{self._stop_why}; {waits_for}")

    def _reported(self, size: int) -> None:
        self._ground.reported_bytes = size
        self._weigh()

    def _weigh(self) -> None:
        """Note what it holds and, once it serves, what one like it takes."""
        if self.record.identity is None:
            return
        held = self._ground.held()
        if has_moved(self.record.memory, held, MEMORY_STEP_BYTES):
            self._note(memory=held, memory_bytes=sum(held.values()))
        if self.record.state is EngineState.READY:
            measured = self._ground.measured(self.record, self._ports.clock.wall())
            if measured is not None:
                self._ports.measured(measured)

    def _move(self, state: EngineState, reason: str) -> None:
        step = advance(self.record.state, state, reason, self._ports.clock.wall())
        if state is EngineState.STOPPED:
            self._note(**_GONE)
        self._note(state=step.after, reason=step.reason, since=step.at)

    def _note(self, **changes: Any) -> None:
        self.record = replace(self.record, **changes)
        self._ports.publish(self.record)


async def _race(work: Coroutine[Any, Any, T], *interruptions: Coroutine[Any, Any, None]) -> T:
    """The result of `work`, or what the first interruption raises. Nothing is left running."""
    task = asyncio.ensure_future(work)
    others = [asyncio.ensure_future(other) for other in interruptions]
    try:
        await asyncio.wait([task, *others], return_when=asyncio.FIRST_COMPLETED)
        for other in others:
            if other.done() and not task.done():
                other.result()
        return await task
    finally:
        for each in (task, *others):
            each.cancel()
        await asyncio.gather(task, *others, return_exceptions=True)


async def _first(running: asyncio.Future[Any], work: Coroutine[Any, Any, Any]) -> None:
    """Wait for either; `work` is cancelled if `running` ends first."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([running, task], return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _quietly(work: Awaitable[Any]) -> None:
    """An engine that cannot even drain is stopped all the same."""
    with suppress(XinfError):
        await work
