"""A session to every engine that serves, and how busy each is.

Level-triggered: whenever an engine's record changes, the whole set of records is compared with the
sessions that are held. A session that ends takes its endpoint out of every choice at once, long
before anybody writes a record about it; while the record still says ready, it is opened again. An
engine that drains keeps its session, because requests are still running there, but gets no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from xinf.core.clock import Clock
from xinf.core.engines import RunningEngine
from xinf.core.errors import XinfError
from xinf.core.states import LEAVING, EngineState
from xinf.engine.failure import EngineFailure
from xinf.engine.load import EngineLoad
from xinf.router.pick import EndpointView
from xinf.router.ports import Connect, Link, Mirrored, Session

# A ready engine answers at once, so trying again is cheap; the cap keeps a broken one from costing
# anything until its agent has noticed.
RECONNECT_MIN_S = 0.05
RECONNECT_MAX_S = 2.0
# One request waits in the engine beside those that run, so that a slot never idles for the moment
# that a new request takes to arrive; all others wait here, where any replica can still take them.
AHEAD = 1


class Endpoint:
    """One instance of one replica. Written by the table and by the seats that it lends."""

    def __init__(self, engine: RunningEngine, now: float) -> None:
        self.engine = engine
        # When a request last began or ended here; monotonic seconds.
        self.last_used = now
        self.link: Link | None = None
        self.is_refusing = False
        self.inflight = 0
        self.chosen = 0
        self.reason = "connecting"

    @property
    def instance(self) -> str:
        return instance_of(self.engine)

    @property
    def session(self) -> Session:
        """Only for who has just been seated: an endpoint without a session is never chosen."""
        assert self.link is not None
        return self.link.session

    def view(self) -> EndpointView:
        parallel = self.link.parallel if self.link else 0
        load = self.link.session.load if self.link else None
        # The engine's word travels with its answers, so the last one may be older than our count:
        # what it did not know of yet has begun to run, unless it has no place for it.
        told_waiting = load.waiting if load else 0
        running = max(load.running if load else 0, self.inflight - told_waiting)
        running = min(running, self.inflight, parallel)
        return EndpointView(
            replica=self.engine.replica,
            model=self.engine.model,
            instance=self.instance,
            is_live=self.link is not None,
            is_draining=self.is_refusing or self.engine.state is not EngineState.READY,
            inflight=self.inflight,
            capacity=parallel + AHEAD if self.link else 0,
            running=running,
            waiting=self.inflight - running,
            chosen=self.chosen,
        )


class EndpointTable:
    """Owns every session. `run` must be running for endpoints to come and go."""

    def __init__(self, engines: Mirrored[RunningEngine], connect: Connect, clock: Clock) -> None:
        self._engines = engines
        self._connect = connect
        self._clock = clock
        self._endpoints: dict[str, Endpoint] = {}
        self._holding: dict[str, asyncio.Task[None]] = {}
        self._listeners: list[Callable[[], None]] = []
        self._look = asyncio.Event()
        self._epoch = 0
        self._is_closed = False

    async def run(self) -> None:
        """Hold the sessions until cancelled; requests in flight then fail, retryably."""
        unsubscribe = self._engines.subscribe(self._look.set)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._look.clear()
                    self._compare(tasks)
                    await self._look.wait()
        finally:
            unsubscribe()

    def view(self, model: str) -> tuple[EndpointView, ...]:
        """Every endpoint of `model`, sorted by replica."""
        own = (each for each in self._endpoints.values() if each.engine.model == model)
        return tuple(sorted((each.view() for each in own), key=lambda view: view.replica))

    def views(self) -> dict[str, EndpointView]:
        """Every endpoint by replica."""
        return {replica: endpoint.view() for replica, endpoint in self._endpoints.items()}

    def uses(self) -> dict[str, tuple[bool, float]]:
        """Whether requests are at each replica, and when the last one was (monotonic seconds)."""
        return {
            replica: (each.inflight > 0, each.last_used)
            for replica, each in self._endpoints.items()
        }

    def load(self, replica: str) -> EngineLoad | None:
        """What the engine of `replica` last said of itself; None without a session."""
        endpoint = self._endpoints.get(replica)
        return endpoint.link.session.load if endpoint and endpoint.link else None

    def troubles(self, model: str) -> tuple[str, ...]:
        """Why replicas of `model` that should serve are not connected, for people."""
        own = (each for each in self._endpoints.values() if each.engine.model == model)
        return tuple(f"{each.engine.replica}: {each.reason}" for each in own if each.link is None)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever a replica may have become able, or unable, to take more.

        The returned function ends that.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def take(self, replica: str) -> Endpoint:
        """Reserve one place at `replica`, which `pick` has just chosen."""
        endpoint = self._endpoints[replica]
        endpoint.inflight += 1
        endpoint.chosen += 1
        endpoint.last_used = self._clock.now()
        return endpoint

    def give_back(self, endpoint: Endpoint) -> None:
        """End what `take` began."""
        endpoint.inflight -= 1
        endpoint.last_used = self._clock.now()
        self._changed()

    def refuse(self, endpoint: Endpoint) -> None:
        """This instance said that it drains: send it nothing more."""
        endpoint.is_refusing = True
        self._changed()

    def close(self) -> None:
        """End every session for good; requests on them fail."""
        self._is_closed = True
        for replica in tuple(self._endpoints):
            self._drop(replica)
        self._changed()

    def _compare(self, tasks: asyncio.TaskGroup) -> None:
        if self._is_closed:
            return
        records = {
            each.replica: each for each in self._engines.items.values() if _has_data_path(each)
        }
        for replica, endpoint in list(self._endpoints.items()):
            record = records.get(replica)
            if record is not None and instance_of(record) == endpoint.instance:
                endpoint.engine = record
            else:
                self._drop(replica)
        for replica, record in records.items():
            if replica not in self._endpoints and record.state is EngineState.READY:
                self._endpoints[replica] = endpoint = Endpoint(record, self._clock.now())
                self._holding[replica] = tasks.create_task(
                    self._hold(endpoint), name=f"session to {replica}"
                )
        self._changed()

    def _drop(self, replica: str) -> None:
        del self._endpoints[replica]
        self._holding.pop(replica).cancel()

    async def _hold(self, endpoint: Endpoint) -> None:
        """Keep a session open while the engine serves; one that is leaving gets no new one."""
        pause = RECONNECT_MIN_S
        while endpoint.engine.state is EngineState.READY:
            try:
                async with self._connect(endpoint.engine.address or "", self._next_epoch()) as link:
                    pause = RECONNECT_MIN_S
                    self._set_link(endpoint, link, "")
                    await link.session.wait_closed()
                    self._set_link(endpoint, None, "its session ended")
            except (XinfError, EngineFailure, OSError, TimeoutError) as failure:
                self._set_link(endpoint, None, str(failure) or type(failure).__name__)
            finally:
                endpoint.link = None
            await self._clock.sleep(pause)
            pause = min(pause * 2, RECONNECT_MAX_S)

    def _set_link(self, endpoint: Endpoint, link: Link | None, reason: str) -> None:
        endpoint.link, endpoint.reason = link, reason
        self._changed()

    def _next_epoch(self) -> int:
        """Higher than any before, also than those of a control plane that ran before this one."""
        self._epoch = max(self._epoch + 1, int(self._clock.wall() * 1000))
        return self._epoch

    def _changed(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def instance_of(engine: RunningEngine) -> str:
    """What tells this start of a replica from the next one."""
    return engine.identity.instance if engine.identity else engine.address or engine.replica


def _has_data_path(engine: RunningEngine) -> bool:
    """Whether requests may be running there: it serves, or is on its way out after serving."""
    return engine.address is not None and (
        engine.state is EngineState.READY or engine.state in LEAVING
    )
