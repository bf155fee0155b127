from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from tests.support.clock import settle
from tests.support.routing import FakeStream, World, declared, died, draining, engine, world
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.states import EngineState
from xinf.engine.failure import EngineFailure
from xinf.engine.session import Data
from xinf.router.router import Answer

T = TypeVar("T")


async def streamed(w: World, *, patience_s: float = 60.0) -> bytes:
    """The joined data of one streamed answer."""
    return await streamed_from(w, "a", patience_s=patience_s)


async def streamed_from(w: World, model: str, *, patience_s: float = 60.0) -> bytes:
    async with w.router.open(w.context(model, patience_s), b"{}") as stream:
        return b"".join([event.data async for event in stream if isinstance(event, Data)])


async def collected(w: World) -> tuple[Answer, str]:
    async with w.router.open(w.context(), b"{}") as stream:
        return await stream.collect(), stream.replica


def begin(work: Awaitable[T]) -> asyncio.Future[T]:
    return asyncio.ensure_future(work)


def only(w: World, replica: str = "a/0", start: int = 1) -> FakeStream:
    """The one stream that is open there."""
    (stream,) = w.session(replica, start).open_streams
    return stream


async def test_an_answer_is_passed_on_piece_by_piece() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        asking = begin(streamed(w))
        await settle()
        only(w).say(b"one", b"two")
        only(w).end()
        assert await asking == b"onetwo"
        assert w.session().open_streams == []


async def test_a_death_before_the_first_byte_moves_the_request_to_another_replica() -> None:
    async with world() as w:
        w.start(engine("a/0"), engine("a/1"))
        await settle()
        asking = begin(streamed(w))
        await settle()
        w.session("a/0").die()
        await settle()
        only(w, "a/1").say(b"from the other")
        only(w, "a/1").end()
        assert await asking == b"from the other"


async def test_a_death_before_the_first_byte_waits_for_the_restarted_engine() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        asking = begin(streamed(w))
        await settle()
        w.session("a/0").die()
        w.start(engine("a/0", EngineState.BACKOFF))
        await w.clock.advance(20)
        assert not asking.done()
        w.start(engine("a/0", start=2))
        await settle()
        only(w, "a/0", 2).say(b"again")
        only(w, "a/0", 2).end()
        assert await asking == b"again"


async def test_a_death_after_the_first_byte_is_told_to_who_streams() -> None:
    async with world() as w:
        w.start(engine("a/0"), engine("a/1"))
        await settle()
        asking = begin(streamed(w))
        await settle()
        only(w).say(b"half")
        await settle()
        w.session("a/0").die()
        with pytest.raises(EngineFailure, match="gone"):
            await asking
        assert w.session("a/1").streams == []


async def test_a_death_in_the_middle_is_invisible_to_who_takes_the_whole() -> None:
    async with world() as w:
        w.start(engine("a/0"), engine("a/1"))
        await settle()
        asking = begin(collected(w))
        await settle()
        only(w).say(b"half", content_type="application/json")
        await settle()
        w.session("a/0").die()
        await settle()
        only(w, "a/1").say(b"the ", b"whole", content_type="application/json")
        only(w, "a/1").end()
        answer, replica = await asking
        assert answer == Answer(200, "application/json", b"the whole")
        assert replica == "a/1"


async def test_a_request_that_was_in_flight_at_two_deaths_is_not_tried_a_third_time() -> None:
    async with world(retries=9) as w:
        w.start(engine("a/0"), engine("a/1"), engine("a/2"))
        await settle()
        asking = begin(streamed(w))
        await settle()
        w.session("a/0").die()
        await settle()
        w.session("a/1").die()
        with pytest.raises(EngineFailure, match="not tried again") as given_up:
            await asking
        assert given_up.value.code == ErrorCode.ENGINE_FAILED
        assert not given_up.value.retryable
        assert w.session("a/2").streams == []


async def test_other_failures_are_retried_as_often_as_the_setting_says() -> None:
    async with world(retries=2) as w:
        w.start(*(engine(f"a/{index}") for index in range(4)))
        await settle()
        asking = begin(streamed(w))
        for index in range(3):
            await settle()
            full = EngineFailure("rate_limit_exceeded", f"full {index}", retryable=True)
            only(w, f"a/{index}").fail(full)
        with pytest.raises(EngineFailure, match="full 2"):
            await asking
        assert w.session("a/3").streams == []


async def test_a_refusal_of_the_request_itself_is_not_retried() -> None:
    async with world() as w:
        w.start(engine("a/0"), engine("a/1"))
        await settle()
        asking = begin(streamed(w))
        await settle()
        only(w).fail(EngineFailure("context_length_exceeded", "too long", param="messages"))
        with pytest.raises(EngineFailure, match="too long"):
            await asking
        assert w.session("a/1").streams == []


async def test_draining_engines_cost_no_retries_and_get_nothing_more() -> None:
    async with world(retries=0) as w:
        w.start(*(engine(f"a/{index}") for index in range(3)))
        await settle()
        asking = begin(streamed(w))
        for index in range(2):
            await settle()
            only(w, f"a/{index}").fail(draining())
        await settle()
        only(w, "a/2").say(b"taken")
        only(w, "a/2").end()
        assert await asking == b"taken"
        assert [view.is_draining for view in w.table.view("a")] == [True, True, False]


async def test_leaving_early_cancels_in_the_engine_and_gives_the_place_back() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        asking = begin(collected(w))
        await settle()
        assert len(w.session().open_streams) == 1
        asking.cancel()
        await settle()
        assert w.session().open_streams == []
        assert w.table.view("a")[0].inflight == 0


async def test_after_a_death_its_patience_begins_anew() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await settle()
        asking = begin(streamed(w, patience_s=60))
        await w.clock.advance(3600)  # a long prompt, and no byte of the answer yet
        w.session("a/0").die()
        w.start(engine("a/0", EngineState.BACKOFF, reason="crashed"))
        await w.clock.advance(59)
        assert not asking.done()
        await w.clock.advance(1)
        with pytest.raises(XinfError) as refused:
            await asking
        assert refused.value.code is ErrorCode.MODEL_LOADING


async def test_a_request_for_a_full_line_is_refused_before_any_engine_sees_it() -> None:
    async with world(declared(queue=0)) as w:
        with pytest.raises(XinfError) as refused:
            await streamed(w)
        assert refused.value.code is ErrorCode.QUEUE_FULL


async def test_a_session_that_is_closed_already_counts_as_a_death_not_as_a_bug() -> None:
    async with world() as w:
        w.start(engine("a/0"), engine("a/1"))
        await settle()
        w.session("a/0").answer = lambda stream: stream.fail(died())
        asking = begin(streamed(w))
        await settle()
        only(w, "a/1").say(b"ok")
        only(w, "a/1").end()
        assert await asking == b"ok"


async def test_at_the_cut_who_streams_who_waits_and_who_comes_late_are_all_told() -> None:
    async with world(declared("a"), declared("b")) as w:
        w.start(engine("a/0"))
        await settle()
        streams, waits = begin(streamed(w)), begin(streamed_from(w, "b"))
        await settle()
        only(w).say(b"half")
        await settle()
        w.router.cut()
        late = begin(streamed(w))
        await settle()
        for asking in (streams, waits, late):
            with pytest.raises(XinfError) as told:
                await asking
            assert told.value.code is ErrorCode.SHUTTING_DOWN
        assert w.sessions.keys() == {"unix:/a/0#1"}


async def test_at_the_drain_only_those_are_told_whose_model_will_not_come() -> None:
    async with world(declared("a"), declared("b")) as w:
        w.start(engine("a/0"))
        await settle()
        streams, waits = begin(streamed(w)), begin(streamed_from(w, "b"))
        await settle()
        w.router.drain()
        with pytest.raises(XinfError) as told:
            await waits
        assert told.value.code is ErrorCode.SHUTTING_DOWN
        only(w).say(b"whole")
        only(w).end()
        assert await streams == b"whole"
