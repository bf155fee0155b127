"""Every wrong request gets its status and the whole envelope, and reaches no engine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.clock import settle
from tests.support.gateway import CHAT, Door, public_door, read_reply, request, until
from tests.support.malformed import EVERYTHING, POST, H
from tests.support.routing import World, engine, world


@pytest.fixture
async def w() -> AsyncIterator[World]:
    async with world() as made:
        made.start(engine("a/0"))
        await settle()
        yield made


@pytest.fixture
async def door(w: World) -> AsyncIterator[Door]:
    async with public_door(w) as opened:
        yield opened


@pytest.mark.parametrize("name", EVERYTHING)
async def test_a_wrong_request_gets_its_status_and_the_envelope(
    name: str, w: World, door: Door
) -> None:
    sent, status, code = EVERYTHING[name]
    reply = await door.raw(sent)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert reply.json.keys() == {"error"}
    assert reply.error.keys() == {"message", "type", "param", "code"}
    assert reply.error["message"]
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"].startswith("req_")
    assert not [header for header in reply.headers if header.startswith("access-control")]
    assert w.session().streams == []


async def test_all_of_them_leave_nothing_behind(door: Door, w: World) -> None:
    for sent, _, _ in EVERYTHING.values():
        await door.raw(sent)
    assert door.site.inflight == 0
    assert w.table.view("a")[0].inflight == 0
    assert (await door.ask("GET", "/health")).status == 200


async def test_a_405_says_what_is_allowed(door: Door) -> None:
    assert (await door.ask("PUT", "/v1/models")).headers["allow"] == "GET, HEAD"
    assert (await door.ask("GET", "/v1/chat/completions")).headers["allow"] == "POST"


async def test_a_404_guesses_what_was_meant(door: Door) -> None:
    for path in ("/chat/completions", "/v1/chat/completion", "/v1/chat/completions/"):
        reply = await door.ask("POST", path, CHAT)
        assert "Did you mean /v1/chat/completions?" in reply.error["message"]


async def test_a_chunk_that_goes_wrong_later_is_answered_at_once(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
    await writer.drain()
    await until(lambda: door.site.inflight == 1)  # and waits for more of the body
    writer.write(b"zz\r\n")
    reply = await read_reply(reader)
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    writer.close()


async def test_a_chunked_body_beyond_the_limit_is_refused_while_it_is_read(door: Door) -> None:
    chunk = b"2710\r\n" + b"a" * 10000 + b"\r\n"
    reply = await door.raw(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 7)
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")


async def test_a_large_body_is_refused_before_the_client_sends_it(door: Door) -> None:
    head = b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"
    reply = await door.raw(POST + head)
    assert reply.status == 413


async def test_a_client_that_asks_for_leave_to_send_gets_it(w: World, door: Door) -> None:
    w.session().answer = lambda stream: (stream.say(b"{}"), stream.end())
    whole = request("POST", "/v1/chat/completions", CHAT, {"Expect": "100-continue"})
    head, _, body = whole.partition(b"\r\n\r\n")
    reader, writer = await door.connect()
    writer.write(head + b"\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await read_reply(reader)).status == 200
    writer.close()


async def test_json_under_another_content_type_is_understood(w: World, door: Door) -> None:
    w.session().answer = lambda stream: (stream.say(b"{}"), stream.end())
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await door.ask("POST", "/v1/chat/completions", CHAT, form)).status == 200


async def test_after_a_refused_request_the_connection_can_be_used_again(door: Door) -> None:
    reader, writer = await door.connect()
    for _ in range(3):
        writer.write(request("POST", "/v1/chat/completions", {"model": 1}))
        assert (await read_reply(reader)).status == 400
    writer.write(b"GET /health HTTP/1.1\r\n" + H + b"\r\n")
    assert (await read_reply(reader)).status == 200
    writer.close()


async def test_pipelined_requests_are_answered_in_order(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(request("GET", "/health") + request("GET", "/nothing") + request("GET", "/"))
    assert [(await read_reply(reader)).status for _ in range(3)] == [200, 404, 200]
    writer.close()
