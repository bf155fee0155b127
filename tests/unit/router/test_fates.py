"""Any fleet in any trouble: every request that was accepted ends exactly once, and honestly."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from tests.support.clock import settle
from tests.support.routing import FakeSession, FakeStream, World, declared, draining, engine, world
from xinf.core.errors import XinfError
from xinf.core.states import EngineState
from xinf.engine.failure import EngineFailure
from xinf.engine.session import Data

WHOLE = b"one two three four"
REPLICAS = ("a/0", "a/1", "a/2")
STEPS = 120


class Trouble:
    """A fleet whose engines answer slowly, and a seed that decides what befalls them."""

    def __init__(self, w: World, random: Random, tasks: asyncio.TaskGroup) -> None:
        self.w = w
        self.random = random
        self.tasks = tasks
        self.starts = dict.fromkeys(REPLICAS, 0)
        self.states = dict.fromkeys(REPLICAS, EngineState.STOPPED)
        w.on_session = self.opened

    async def start(self, replica: str) -> None:
        self.starts[replica] += 1
        await self.write(replica, EngineState.READY)

    def opened(self, address: str, session: FakeSession) -> None:
        replica = address.removeprefix("unix:/").partition("#")[0]
        session.answer = lambda stream: self.serve(replica, stream)

    async def write(self, replica: str, state: EngineState) -> None:
        self.states[replica] = state
        self.w.start(engine(replica, state, start=self.starts[replica]))
        await settle()

    def serve(self, replica: str, stream: FakeStream) -> None:
        if self.random.random() < 0.05:
            # It has begun to drain, and its record will say so a moment later.
            self.states[replica] = EngineState.DRAINING
        if self.states[replica] is EngineState.DRAINING:
            stream.fail(draining())
        else:
            self.tasks.create_task(self.answer(stream))

    async def answer(self, stream: FakeStream) -> None:
        for word in WHOLE.split(b" "):
            await self.w.clock.sleep(self.random.uniform(0, 3))
            stream.say(word if word == b"one" else b" " + word)
        stream.end()

    async def befall(self) -> None:
        replica = self.random.choice(REPLICAS)
        match self.states[replica], self.random.randrange(4):
            case (EngineState.READY, 0):
                self.w.session(replica, self.starts[replica]).die()
                await self.write(replica, EngineState.BACKOFF)
            case (EngineState.READY, 1):
                await self.write(replica, EngineState.DRAINING)
            case (EngineState.READY, 2):  # a session that breaks under a living engine
                self.w.session(replica, self.starts[replica]).die()
                await settle()
            case (EngineState.READY, _):
                pass
            case _:
                await self.start(replica)


async def ask(w: World, *, whole: bool) -> bytes | XinfError | EngineFailure:
    """How one request ended, as its client sees it: the text, or text and then an error."""
    text = b""
    try:
        async with w.router.open(w.context(patience_s=300), b"{}") as stream:
            if whole:
                return (await stream.collect()).body
            async for event in stream:
                text += event.data if isinstance(event, Data) else b""
            return text
    except (XinfError, EngineFailure) as error:
        return error if WHOLE.startswith(text) else text


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_befalls_the_fleet_every_request_ends_once_and_honestly(seed: int) -> None:
    random = Random(seed)
    async with (
        world(declared(queue=1000), parallel=random.randint(1, 4), retries=5) as w,
        asyncio.TaskGroup() as tasks,
    ):
        trouble = Trouble(w, random, tasks)
        asking: list[asyncio.Task[bytes | XinfError | EngineFailure]] = []
        for _ in range(STEPS):
            if random.random() < 0.5:
                asking.append(tasks.create_task(ask(w, whole=random.random() < 0.5)))
            if random.random() < 0.3:
                await trouble.befall()
            if asking and random.random() < 0.05:
                random.choice(asking).cancel()
            await w.clock.advance(random.uniform(0, 2))
        for replica in REPLICAS:
            if trouble.states[replica] is not EngineState.READY:
                await trouble.start(replica)
        await w.clock.advance(2000)

        assert all(task.done() for task in asking)
        ends = [task.result() for task in asking if not task.cancelled()]
        assert [end for end in ends if isinstance(end, bytes) and end != WHOLE] == []
        # With retries to spare, only deaths that a client saw half an answer of, or two of them,
        # may have cost anybody an answer.
        refused = [end for end in ends if isinstance(end, XinfError)]
        assert refused == []
        assert [view.inflight for view in w.table.view("a")] == [0, 0, 0]
        assert w.admission.waiting("a") == 0
