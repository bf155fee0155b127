"""What a client sees of an answer, of a wait, and of an engine's death."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.support.clock import settle
from tests.support.gateway import (
    CHAT,
    Door,
    Reply,
    public_door,
    read_chunks,
    read_reply,
    request,
    until,
)
from tests.support.routing import FakeStream, World, declared, engine, world
from xinf.core.models import terminate
from xinf.core.placement import Obstacle, PlacementPlan, Unplaced
from xinf.core.progress import Progress, Step
from xinf.core.states import EngineState
from xinf.core.units import GIB
from xinf.engine.failure import EngineFailure

PATH = "/v1/chat/completions"
STREAM = {**CHAT, "stream": True}


class Client:
    """One chat on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def asks(
        cls, door: Door, body: Any, headers: dict[str, str] | None = None, path: str = PATH
    ) -> Client:
        client = cls(*await door.connect())
        client.writer.write(request("POST", path, body, headers))
        return client

    async def head(self) -> Reply:
        return await read_reply(self.reader, is_head=True)

    async def pieces(self) -> list[bytes]:
        return [piece async for piece in read_chunks(self.reader)]

    def leaves(self) -> None:
        self.writer.close()


async def taken(w: World, replica: str = "a/0", start: int = 1) -> FakeStream:
    """The one request that is open there, once it is."""
    await until(lambda: bool(w.session(replica, start).open_streams))
    (stream,) = w.session(replica, start).open_streams
    return stream


@pytest.fixture
async def w() -> AsyncIterator[World]:
    async with world(declared("a", aliases=("org/name:x",))) as made:
        made.start(engine("a/0"))
        await settle()
        yield made


@pytest.fixture
async def door(w: World) -> AsyncIterator[Door]:
    async with public_door(w) as opened:
        yield opened


async def test_an_answer_in_one_piece_is_the_engines_own_bytes(w: World, door: Door) -> None:
    client = await Client.asks(door, CHAT)
    stream = await taken(w)
    assert json.loads(stream.body) == CHAT
    assert stream.context.endpoint == PATH
    stream.say(b'{"id": 1,', b' "x": "\xc3\xa4"}', content_type="application/json")
    stream.end()
    reply = await read_reply(client.reader)
    assert reply.status == 200
    assert reply.body == b'{"id": 1, "x": "\xc3\xa4"}'
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-xinf-replica"] == "a/0"
    assert reply.headers["x-request-id"].startswith("req_")
    client.leaves()


async def test_a_stream_is_passed_on_event_by_event_as_it_comes(w: World, door: Door) -> None:
    client = await Client.asks(door, STREAM, {"x-request-id": "mine-1"})
    stream = await taken(w)
    assert stream.context.request_id == "mine-1"
    stream.say(b"data: one\n\n")
    head = await client.head()
    assert head.status == 200
    assert head.headers["content-type"] == "text/event-stream"
    assert head.headers["cache-control"] == "no-cache"
    assert head.headers["x-accel-buffering"] == "no"
    assert head.headers["x-xinf-replica"] == "a/0"
    assert head.headers["x-request-id"] == "mine-1"
    chunks = read_chunks(client.reader)
    assert await anext(chunks) == b"data: one\n\n"
    stream.say(b"data: tw")
    stream.say(b"o\n\ndata: thr")
    assert await anext(chunks) == b"data: two\n\n"
    stream.say(b"ee\n\ndata: [DONE]\n\n")
    stream.end()
    assert b"".join([chunk async for chunk in chunks]) == b"data: three\n\ndata: [DONE]\n\n"
    client.leaves()


async def test_an_alias_reaches_its_model_and_the_body_stays_as_it_came(
    w: World, door: Door
) -> None:
    body = {**CHAT, "model": "org/name:x"}
    client = await Client.asks(door, body, {"x-session-id": "s1"})
    stream = await taken(w)
    assert stream.context.model == "a"
    assert stream.context.session_key == "s1"
    assert json.loads(stream.body) == body
    client.leaves()


async def test_completions_are_relayed_the_same_way(w: World, door: Door) -> None:
    body = {"model": "a", "prompt": "hi"}
    client = await Client.asks(door, body, path="/v1/completions")
    stream = await taken(w)
    assert stream.context.endpoint == "/v1/completions"
    stream.say(b"{}")
    stream.end()
    assert (await read_reply(client.reader)).status == 200
    client.leaves()


async def test_embeddings_are_relayed_in_one_piece_whatever_the_client_says_of_streams(
    w: World, door: Door
) -> None:
    body = {"model": "a", "input": ["hi"], "stream": True}
    client = await Client.asks(door, body, path="/v1/embeddings")
    stream = await taken(w)
    assert (stream.context.endpoint, json.loads(stream.body)) == ("/v1/embeddings", body)
    stream.say(b'{"data":', b" []}", content_type="application/json")
    stream.end()
    reply = await read_reply(client.reader)
    assert (reply.status, reply.body) == (200, b'{"data": []}')
    client.leaves()


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_a_failure_before_the_first_byte_has_its_own_status(
    w: World, door: Door, body: Any
) -> None:
    client = await Client.asks(door, body)
    message = "This model's maximum context length is 8 tokens"
    (await taken(w)).fail(EngineFailure("context_length_exceeded", message, param="messages"))
    reply = await read_reply(client.reader)
    assert reply.status == 400
    assert reply.error == {
        "message": message,
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
    }
    client.leaves()


async def test_a_failure_after_the_first_byte_is_an_event_and_the_end(w: World, door: Door) -> None:
    client = await Client.asks(door, STREAM)
    stream = await taken(w)
    stream.say(b"data: one\n\ndata: ha")
    await client.head()
    stream.fail(EngineFailure("engine_failed", "the engine is gone", retryable=True))
    text = b"".join(await client.pieces())
    first, error, end = text.split(b"\n\n")
    assert (first, end) == (b"data: one", b"")
    assert json.loads(error.removeprefix(b"data: "))["error"] == {
        "message": "the engine is gone",
        "type": "server_error",
        "param": None,
        "code": "engine_failed",
    }
    assert await client.reader.read() == b""  # and the connection has ended


async def test_a_stream_that_waits_long_gets_heartbeats_and_then_its_answer(
    w: World, door: Door
) -> None:
    w.start(engine("a/0", EngineState.LOADING, start=2))
    w.progress.set("a/0", Progress("a/0", "a", Step("reading weights", 1, 4)))
    await settle()
    client = await Client.asks(door, STREAM)
    await until(lambda: w.admission.waiting("a") == 1)
    await w.clock.advance(10)
    head = await client.head()
    assert head.status == 200
    assert "x-xinf-replica" not in head.headers
    chunks = read_chunks(client.reader)
    assert await anext(chunks) == b": waiting, a is loading: reading weights, 25%\n\n"
    await w.clock.advance(10)
    assert (await anext(chunks)).startswith(b": waiting")
    w.start(engine("a/0", start=2))
    await settle()
    stream = await taken(w, "a/0", 2)
    stream.say(b"data: one\n\n")
    stream.end()
    assert [chunk async for chunk in chunks] == [b"data: one\n\n"]
    client.leaves()


async def test_a_refusal_after_a_heartbeat_is_an_event(w: World, door: Door) -> None:
    w.start(engine("a/0", EngineState.LOADING, start=2))
    client = await Client.asks(door, STREAM)
    await until(lambda: w.admission.waiting("a") == 1)
    await w.clock.advance(10)
    await client.head()
    w.start(engine("a/0", EngineState.FAILED, start=2, reason="no such file"))
    last = (await client.pieces())[-1]
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "model_failed"
    assert await client.reader.read() == b""


async def test_who_does_not_stream_gets_no_heartbeat_but_a_status(w: World, door: Door) -> None:
    w.start(engine("a/0", EngineState.LOADING, start=2, reason="reading weights"))
    client = await Client.asks(door, CHAT)
    await until(lambda: w.admission.waiting("a") == 1)
    await w.clock.advance(60)
    reply = await read_reply(client.reader)
    assert (reply.status, reply.error["code"]) == (503, "model_loading")
    assert "reading weights" in reply.error["message"]
    assert reply.headers["retry-after"] == "5"
    assert reply.headers["x-should-retry"] == "true"
    client.leaves()


async def test_a_failed_model_is_refused_at_once_and_for_good(w: World, door: Door) -> None:
    w.start(engine("a/0", EngineState.FAILED, reason="no such file"))
    await settle()
    reply = await door.ask("POST", PATH, CHAT)
    assert (reply.status, reply.error["code"]) == (503, "model_failed")
    assert "no such file" in reply.error["message"]
    assert reply.headers["x-should-retry"] == "false"


def without_a_place(w: World, obstacle: Obstacle) -> None:
    entry = Unplaced("a/0", "a", 40 * GIB, 8 * GIB, "needs 40.0 GiB of 32.0 GiB", obstacle)
    w.engines.set("local/a/0", None)
    w.plans.set("current", PlacementPlan(unplaced=(entry,)))


async def test_a_model_that_does_not_fit_is_507_and_the_sdk_does_not_ask_again(
    w: World, door: Door
) -> None:
    without_a_place(w, Obstacle.TOO_LARGE)
    tickets = w.admission.next_ticket()  # every request takes one
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="x") as sdk:
        assert sdk.max_retries > 0
        with pytest.raises(openai.InternalServerError) as refused:
            await sdk.chat.completions.create(**CHAT)
    assert w.admission.next_ticket() - tickets == 2
    assert (refused.value.status_code, refused.value.code) == (507, "does_not_fit")
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert "needs 40.0 GiB of 32.0 GiB" in refused.value.message


async def test_a_model_that_may_fit_later_is_waited_for_and_then_503_with_the_reason(
    w: World, door: Door
) -> None:
    without_a_place(w, Obstacle.NO_ROOM)
    client = await Client.asks(door, CHAT)
    await until(lambda: w.admission.waiting("a") == 1)
    await w.clock.advance(60)
    reply = await read_reply(client.reader)
    assert (reply.status, reply.error["code"]) == (503, "model_loading")
    assert "needs 40.0 GiB of 32.0 GiB" in reply.error["message"]
    assert reply.headers["retry-after"] == "5"
    assert reply.headers["x-should-retry"] == "true"
    client.leaves()


async def test_a_model_that_is_off_is_refused_at_once(w: World, door: Door) -> None:
    w.models.set("a", terminate(declared("a")))
    reply = await door.ask("POST", PATH, CHAT)
    assert (reply.status, reply.error["code"]) == (503, "model_off")
    assert reply.headers["x-should-retry"] == "false"


async def test_a_full_queue_is_429_with_a_time_to_come_again() -> None:
    async with world(declared(queue=0)) as w, public_door(w) as door:
        reply = await door.ask("POST", PATH, CHAT)
        assert (reply.status, reply.error["code"]) == (429, "rate_limit_exceeded")
        assert reply.error["type"] == "rate_limit_error"
        assert int(reply.headers["retry-after"]) >= 1


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_a_client_that_leaves_cancels_in_the_engine_although_nothing_is_written(
    w: World, door: Door, body: Any
) -> None:
    client = await Client.asks(door, body)
    stream = await taken(w)
    client.leaves()
    await until(lambda: stream.is_left)
    await until(lambda: door.site.inflight == 0)
    assert w.table.view("a")[0].inflight == 0


async def test_a_client_that_leaves_in_the_middle_of_a_stream_cancels_it(
    w: World, door: Door
) -> None:
    client = await Client.asks(door, STREAM)
    stream = await taken(w)
    stream.say(b"data: one\n\n")
    await client.head()
    client.leaves()
    await until(lambda: stream.is_left)


async def test_a_client_that_leaves_while_its_model_loads_leaves_the_line(
    w: World, door: Door
) -> None:
    w.start(engine("a/0", EngineState.LOADING, start=2))
    client = await Client.asks(door, STREAM)
    await until(lambda: w.admission.waiting("a") == 1)
    client.leaves()
    await until(lambda: w.admission.waiting("a") == 0)


async def test_a_bug_of_ours_is_a_500_with_the_envelope_and_a_line_in_the_log(
    w: World, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(stream: FakeStream) -> None:
        raise RuntimeError("a secret detail")

    w.session().answer = explode
    reply = await door.ask("POST", PATH, CHAT)
    assert (reply.status, reply.error["code"]) == (500, "internal_error")
    assert "secret" not in reply.body.decode()
    assert "a secret detail" in caplog.text


async def test_before_the_store_was_read_no_model_is_called_unknown(w: World, door: Door) -> None:
    w.models.forget()
    client = await Client.asks(door, CHAT)
    await until(lambda: door.site.inflight == 1)
    await settle()
    w.models._synced.set()  # type: ignore[reportPrivateUsage]
    (await taken(w)).end()
    assert (await client.head()).status == 200
    client.leaves()


async def test_http_1_0_gets_its_stream_until_the_connection_ends(w: World, door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(request("POST", PATH, STREAM).replace(b"HTTP/1.1", b"HTTP/1.0"))
    stream = await taken(w)
    stream.say(b"data: one\n\n")
    stream.end()
    reply = await read_reply(reader)
    assert reply.body == b"data: one\n\n"
    writer.close()
