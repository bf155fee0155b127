from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.support.clock import settle
from tests.support.routing import World, declared, engine, world
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.models import terminate
from xinf.core.requests import Priority
from xinf.core.states import EngineState
from xinf.router.admission import Ask
from xinf.router.endpoints import AHEAD, Endpoint


class Client:
    """One request: waits for its seat, then keeps it until the test says `leave`."""

    def __init__(self, w: World, *, priority: int = Priority.DEFAULT, **ask: object) -> None:
        options = {"deadline": w.clock.now() + 60, "avoid": (), "is_retry": False, **ask}
        self.ask = Ask("a", priority, ticket=w.admission.next_ticket(), **options)  # type: ignore[arg-type]
        self.endpoint: Endpoint | None = None
        self.error: XinfError | None = None
        self._world = w
        self._leave = asyncio.Event()
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        try:
            async with self._world.admission.seat(self.ask) as endpoint:
                self.endpoint = endpoint
                await self._leave.wait()
        except XinfError as error:
            self.error = error

    @property
    def replica(self) -> str | None:
        return self.endpoint.engine.replica if self.endpoint else None

    async def leave(self) -> None:
        self._leave.set()
        await self.task

    async def vanish(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_a_request_for_a_ready_model_goes_on_at_once() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        client = Client(w)
        await settle()
        assert client.replica == "a/0"
        await client.leave()
        assert w.table.view("a")[0].inflight == 0


async def test_a_request_waits_for_a_loading_model_and_goes_on_when_it_is_ready() -> None:
    async with world() as w:
        w.start(engine("a/0", EngineState.LOADING))
        client = Client(w)
        await w.clock.advance(30)
        assert client.endpoint is None
        w.start(engine("a/0"))
        await settle()
        assert client.replica == "a/0"
        await client.leave()


async def test_a_model_that_does_not_come_in_time_is_refused_with_state_and_progress() -> None:
    async with world() as w:
        w.start(engine("a/0", EngineState.LOADING, reason="reading weights"))
        client = Client(w)
        await w.clock.advance(59)
        assert client.error is None
        await w.clock.advance(1)
        assert client.error is not None
        assert client.error.code is ErrorCode.MODEL_LOADING
        assert "is loading: reading weights; waited 60 s" in str(client.error)
        assert client.error.retry_after_s == 5


async def test_a_model_that_fails_while_one_waits_is_refused_at_once() -> None:
    async with world() as w:
        w.start(engine("a/0", EngineState.LOADING))
        client = Client(w)
        await settle()
        w.start(engine("a/0", EngineState.FAILED, reason="no such file"))
        await settle()
        assert client.error is not None
        assert client.error.code is ErrorCode.MODEL_FAILED
        assert "no such file" in str(client.error)


async def test_a_model_that_is_terminated_while_one_waits_is_refused_at_once() -> None:
    async with world() as w:
        clients = [Client(w), Client(w)]
        await settle()
        w.models.set("a", terminate(declared()))
        await settle()
        assert [client.error and client.error.code for client in clients] == [
            ErrorCode.MODEL_OFF,
            ErrorCode.MODEL_OFF,
        ]


async def test_a_model_that_is_forgotten_while_one_waits_is_not_found() -> None:
    async with world() as w:
        client = Client(w)
        await settle()
        w.models.set("a", None)
        await settle()
        assert client.error is not None
        assert client.error.code is ErrorCode.MODEL_NOT_FOUND


async def test_a_terminated_model_gets_nothing_more_although_its_engine_still_serves() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        w.models.set("a", terminate(declared()))
        await settle()
        client = Client(w)
        await settle()
        assert client.endpoint is None


async def test_those_beyond_the_queue_are_refused_and_those_in_it_are_not() -> None:
    async with world(declared(queue=2)) as w:
        waiting = [Client(w), Client(w)]
        await settle()
        refused = Client(w)
        await settle()
        assert refused.error is not None
        assert refused.error.code is ErrorCode.QUEUE_FULL
        assert refused.error.retry_after_s is not None
        w.start(engine("a/0"))
        await settle()
        assert [client.replica for client in waiting] == ["a/0", "a/0"]
        for client in waiting:
            await client.leave()


async def test_what_runs_does_not_count_as_waiting() -> None:
    async with world(declared(queue=1), parallel=3) as w:
        w.start(engine("a/0"))
        await settle()
        running = [Client(w) for _ in range(3 + AHEAD)]
        await settle()
        assert all(client.endpoint for client in running)
        queued, refused = Client(w), Client(w)
        await settle()
        assert (queued.error, refused.error and refused.error.code) == (None, ErrorCode.QUEUE_FULL)
        for client in (*running, queued):
            await client.leave()


async def test_the_line_is_served_in_order_of_arrival_and_priority_goes_first() -> None:
    async with world(parallel=1) as w:
        clients = [Client(w), Client(w), Client(w, priority=Priority.INTERACTIVE)]
        await settle()
        w.start(engine("a/0"))
        await settle()
        assert [client.endpoint is not None for client in clients] == [True, False, True]
        await clients[0].leave()
        await settle()
        assert clients[1].endpoint is not None
        for client in clients[1:]:
            await client.leave()


async def test_a_burst_is_spread_over_the_replicas() -> None:
    async with world(parallel=8) as w:
        w.start(engine("a/0"), engine("a/1"))
        await settle()
        clients = [Client(w) for _ in range(8)]
        await settle()
        assert [view.inflight for view in w.table.view("a")] == [4, 4]
        for client in clients:
            await client.leave()


async def test_a_client_that_leaves_the_line_leaves_no_trace() -> None:
    async with world(parallel=1) as w:
        first, second = Client(w), Client(w)
        await settle()
        assert w.admission.waiting("a") == 2
        await first.vanish()
        assert w.admission.waiting("a") == 1
        w.start(engine("a/0"))
        await settle()
        assert second.endpoint is not None
        assert w.table.view("a")[0].inflight == 1
        await second.leave()


async def test_a_seat_given_to_a_client_that_vanishes_in_the_same_moment_comes_back() -> None:
    async with world(parallel=1) as w:
        client = Client(w)
        await settle()
        w.start(engine("a/0"))
        # Turn by turn, so that the cancellation also meets the turn in which the seat is given.
        for _ in range(20):
            await asyncio.sleep(0)
            if w.admission.waiting("a") == 0:
                break
        await client.vanish()
        await settle()
        assert w.table.view("a")[0].inflight == 0


async def test_a_ready_but_busy_model_is_a_matter_of_429_not_503() -> None:
    async with world(parallel=1) as w:
        w.start(engine("a/0"))
        await settle()
        running = [Client(w, deadline=1e9) for _ in range(1 + AHEAD)]
        late = Client(w)
        await w.clock.advance(60)
        assert late.error is not None
        assert late.error.code is ErrorCode.QUEUE_FULL
        assert "a/0 is full with 2 requests; waited 60 s" in str(late.error)
        for client in running:
            await client.leave()


async def test_a_retry_keeps_its_place_in_a_full_line() -> None:
    async with world(declared(queue=1)) as w:
        veteran_ticket = w.admission.next_ticket()
        newcomer = Client(w)
        await settle()
        veteran = Client(w, is_retry=True)
        await settle()
        assert veteran.error is None
        assert veteran.ask.ticket > veteran_ticket
        await newcomer.vanish()
        await veteran.vanish()


async def test_an_avoided_instance_is_passed_over_for_another() -> None:
    async with world() as w:
        w.start(engine("a/0"), engine("a/1"))
        await settle()
        clients = [Client(w, avoid={"a/0#1"}) for _ in range(3)]
        await settle()
        assert [client.replica for client in clients] == ["a/1"] * 3
        for client in clients:
            await client.leave()


async def test_an_avoided_instance_is_forgiven_when_nobody_else_comes() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        client = Client(w, avoid={"a/0#1"})
        await w.clock.advance(4.9)
        assert client.endpoint is None
        await w.clock.advance(0.1)
        assert client.replica == "a/0"
        await client.leave()


async def test_the_restarted_instance_is_taken_before_the_old_one_is_forgiven() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        client = Client(w, avoid={"a/0#1"})
        await settle()
        w.start(engine("a/0", start=2))
        await settle()
        assert client.endpoint is not None
        assert client.endpoint.instance == "a/0#2"
        await client.leave()


async def test_at_the_end_who_waits_for_a_load_is_told_and_who_waits_for_a_place_is_not() -> None:
    async with world(declared("a"), declared("b"), parallel=1) as w:
        w.start(engine("a/0"))
        await settle()
        running = [Client(w) for _ in range(1 + AHEAD)]
        queued = Client(w)
        loading = Client(w)
        loading.task.cancel()
        await settle()
        w.admission.close()
        await settle()
        assert queued.error is None
        ask = Ask("b", 0, w.clock.now() + 60, w.admission.next_ticket())
        with pytest.raises(XinfError) as refused:
            await AsyncExitStack().enter_async_context(w.admission.seat(ask))
        assert refused.value.code is ErrorCode.SHUTTING_DOWN
        for client in running:
            await client.leave()
        await settle()
        assert queued.endpoint is not None
        await queued.leave()
