"""Engines as the router sees them, in memory. The test writes records and answers requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from tests.support.clock import VirtualClock, settle
from xinf.core.engines import EngineIdentity, RunningEngine
from xinf.core.models import ModelIntent, ModelSpec
from xinf.core.nodes import NodeStatus
from xinf.core.placement import PlacementPlan, model_of
from xinf.core.progress import Progress
from xinf.core.requests import ExecutionContext
from xinf.core.states import EngineState
from xinf.engine.failure import EngineFailure
from xinf.engine.load import EngineLoad
from xinf.engine.session import Data, EngineUsage, Head
from xinf.router.admission import Admission
from xinf.router.directory import ModelDirectory
from xinf.router.endpoints import EndpointTable
from xinf.router.overview import Overview
from xinf.router.policies import POLICIES
from xinf.router.ports import Link
from xinf.router.router import Router

T = TypeVar("T")


class FakeMirror(Generic[T]):
    """Records that change when the test says so."""

    def __init__(self, items: Mapping[str, T] | None = None) -> None:
        self.items: dict[str, T] = dict(items or {})
        self._callbacks: list[Callable[[], None]] = []
        self._synced = asyncio.Event()
        self._synced.set()

    def set(self, name: str, value: T | None) -> None:
        if value is None:
            self.items.pop(name, None)
        else:
            self.items[name] = value
        for callback in tuple(self._callbacks):
            callback()

    def forget(self) -> None:
        """As before the first listing."""
        self._synced.clear()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    async def synced(self) -> None:
        await self._synced.wait()


@dataclass
class FakeStream:
    """One request in one engine. The test feeds it: `say`, `end`, `fail`."""

    context: ExecutionContext
    body: bytes
    usage: EngineUsage = field(default_factory=EngineUsage)
    is_left: bool = False
    _events: asyncio.Queue[Head | Data | EngineFailure | None] = field(
        default_factory=asyncio.Queue[Head | Data | EngineFailure | None]
    )

    def say(self, *pieces: bytes, content_type: str = "text/event-stream") -> None:
        if pieces and not self._said_anything:
            self._events.put_nowait(Head(200, content_type))
        self._said_anything = True
        for piece in pieces:
            self._events.put_nowait(Data(piece))

    def end(self) -> None:
        self._events.put_nowait(None)

    def fail(self, failure: EngineFailure) -> None:
        self._events.put_nowait(failure)

    _said_anything: bool = False

    def __aiter__(self) -> AsyncIterator[Head | Data]:
        return self

    async def __anext__(self) -> Head | Data:
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        if isinstance(event, EngineFailure):
            raise event
        return event


class FakeSession:
    """A session whose requests pile up in `streams` until the test answers them."""

    def __init__(self) -> None:
        self.streams: list[FakeStream] = []
        self.load: EngineLoad | None = None
        self.answer: Callable[[FakeStream], None] = lambda stream: None
        self._closed = asyncio.Event()

    @asynccontextmanager
    async def submit(
        self, context: ExecutionContext, body: bytes, *, deadline_s: float
    ) -> AsyncGenerator[FakeStream]:
        if self._closed.is_set():
            raise died()
        stream = FakeStream(context, body)
        self.streams.append(stream)
        self.answer(stream)
        try:
            yield stream
        finally:
            stream.is_left = True

    @property
    def open_streams(self) -> list[FakeStream]:
        return [stream for stream in self.streams if not stream.is_left]

    def die(self) -> None:
        """As when the engine's process is gone."""
        self._closed.set()
        for stream in self.open_streams:
            stream.fail(died())

    async def wait_closed(self) -> None:
        await self._closed.wait()


def died(message: str = "the engine is gone") -> EngineFailure:
    return EngineFailure("engine_failed", message, retryable=True)


def draining() -> EngineFailure:
    return EngineFailure("engine_draining", "the engine drains", retryable=True)


def engine(
    replica: str = "a/0",
    state: EngineState = EngineState.READY,
    *,
    start: int = 1,
    reason: str = "",
    context: int | None = None,
) -> RunningEngine:
    return RunningEngine(
        replica=replica,
        model=model_of(replica),
        node="local",
        state=state,
        reason=reason,
        since=float(start),
        engine="sim",
        runtime="sim",
        fingerprint="f",
        devices=("cpu",),
        context=context,
        address=f"unix:/{replica}#{start}",
        identity=EngineIdentity(1000 + start, 1, 1, f"{replica}#{start}"),
    )


def declared(name: str = "a", **spec: object) -> ModelIntent:
    return ModelIntent(declared=replace(ModelSpec(name, engine="sim"), **spec))  # type: ignore[arg-type]


class World:
    """The router with everything around it faked. Sessions by the address they were opened at."""

    def __init__(self, *intents: ModelIntent, parallel: int = 4, retries: int = 2) -> None:
        self.clock = VirtualClock()
        named = {intent.spec.name: intent for intent in intents or (declared(),) if intent.spec}
        self.models = FakeMirror[ModelIntent](named)
        self.engines = FakeMirror[RunningEngine]()
        self.plans = FakeMirror[PlacementPlan]()
        self.progress = FakeMirror[Progress]()
        self.nodes = FakeMirror[NodeStatus]()
        self.sessions: dict[str, FakeSession] = {}
        self.epochs: list[int] = []
        self.refuse_connections: Exception | None = None
        self.on_session: Callable[[str, FakeSession], None] = lambda address, session: None
        self.parallel = parallel
        self.directory = ModelDirectory(self.models)
        self.overview = Overview(self.models, self.engines, self.plans, self.progress)
        self.table = EndpointTable(self.engines, self._connect, self.clock)
        self.admission = Admission(
            self.directory, self.overview, self.table, POLICIES["least_connections"], self.clock
        )
        self.router = Router(self.admission, self.table, retries, self.clock)

    def start(self, *records: RunningEngine) -> None:
        for record in records:
            self.engines.set(f"local/{record.replica}", record)

    def session(self, replica: str = "a/0", start: int = 1) -> FakeSession:
        return self.sessions[f"unix:/{replica}#{start}"]

    def context(self, model: str = "a", patience_s: float = 60.0) -> ExecutionContext:
        deadline = self.clock.now() + patience_s
        return ExecutionContext("req_1", model, "/v1/chat/completions", deadline)

    @asynccontextmanager
    async def _connect(self, address: str, epoch: int) -> AsyncGenerator[Link]:
        self.epochs.append(epoch)
        if self.refuse_connections is not None:
            raise self.refuse_connections
        session = self.sessions[address] = FakeSession()
        self.on_session(address, session)
        try:
            yield Link(session, self.parallel)
        finally:
            session.die()


@asynccontextmanager
async def world(
    *intents: ModelIntent, parallel: int = 4, retries: int = 2
) -> AsyncGenerator[World]:
    """A World whose table runs for the block."""
    made = World(*intents, parallel=parallel, retries=retries)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.table.run())
        await settle()
        yield made
        running.cancel()
