"""Real engine processes that die, and malformed requests that kill nobody."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import openai
import pytest

from tests.support.fleet import LIMITS, Fleet, fleet
from tests.support.gateway import read_chunks, read_reply, request, until
from tests.support.malformed import EVERYTHING
from xinf.gateway.completions import Patience

HI = [{"role": "user", "content": "Tell me something long about engines, please."}]
ENDLESS = {"model": "a", "messages": HI, "max_tokens": 5000, "ignore_eos": True}
SLOW = {"tokens_per_second": 50}


@pytest.fixture
async def f() -> AsyncIterator[Fleet]:
    async with fleet(patience=Patience(load_s=30, heartbeat_s=0.2)) as made:
        yield made


async def test_malformed_requests_get_their_answers_and_the_engine_does_not_notice(
    f: Fleet,
) -> None:
    pid = await f.start("a/0")
    assert len(EVERYTHING) >= 30
    for name, (sent, status, code) in EVERYTHING.items():
        if "beyond the limit" not in name:  # the limit here is another one
            reply = await f.door.raw(sent)
            assert (name, reply.status, reply.error["code"]) == (name, status, code)
            assert reply.error.keys() == {"message", "type", "param", "code"}
    os.kill(pid, 0)
    assert f.shims["a/0"].identity.pid == pid
    reply = await f.door.ask("POST", "/v1/chat/completions", {"model": "a", "messages": HI})
    assert reply.status == 200


async def test_a_kill_in_the_middle_of_a_stream_is_an_error_event_and_the_end(f: Fleet) -> None:
    await f.start("a/0", **SLOW)
    reader, writer = await f.door.connect()
    writer.write(request("POST", "/v1/chat/completions", {**ENDLESS, "stream": True}))
    head = await read_reply(reader, is_head=True)
    assert (head.status, head.headers["x-xinf-replica"]) == (200, "a/0")
    chunks = read_chunks(reader)
    await anext(chunks)
    await f.kill("a/0")
    events = b"".join([chunk async for chunk in chunks]).rstrip(b"\n").split(b"\n\n")
    error = json.loads(events[-1].removeprefix(b"data: "))["error"]
    assert (error["code"], error["type"]) == ("engine_failed", "server_error")
    assert b"[DONE]" not in b"".join(events)
    assert await reader.read() == b""


async def test_the_sdk_raises_when_the_engine_is_killed_in_the_middle(f: Fleet) -> None:
    await f.start("a/0", **SLOW)
    async with f.client() as client:
        stream = await client.chat.completions.create(
            model="a", messages=HI, max_tokens=5000, stream=True, extra_body={"ignore_eos": True}
        )
        await anext(aiter(stream))
        await f.kill("a/0")
        with pytest.raises(openai.APIError) as raised:
            async for _ in stream:
                pass
    assert raised.value.code == "engine_failed"


async def test_a_kill_in_the_middle_of_a_whole_answer_goes_unnoticed(f: Fleet) -> None:
    for replica in ("a/0", "a/1"):
        await f.start(replica, tokens_per_second=100)
    body = {"model": "a", "messages": HI, "max_tokens": 100, "ignore_eos": True}
    expected = await f.door.ask("POST", "/v1/chat/completions", body)
    assert expected.headers["x-xinf-replica"] == "a/0"
    asking = asyncio.ensure_future(f.door.ask("POST", "/v1/chat/completions", body))
    await f.becomes_busy("a/1", 1)  # equal replicas take turns
    await f.kill("a/1")
    reply = await asking
    assert reply.status == 200
    assert reply.headers["x-xinf-replica"] == "a/0"
    assert reply.json["choices"] == expected.json["choices"]


async def test_a_kill_before_the_first_token_waits_for_the_restarted_engine(f: Fleet) -> None:
    await f.start("a/0", prefill_tokens_per_second=1)
    reader, writer = await f.door.connect()
    body = {"model": "a", "messages": HI, "max_tokens": 5, "stream": True}
    writer.write(request("POST", "/v1/chat/completions", body))
    await f.becomes_busy("a/0", 1)
    await f.kill("a/0")
    head = await read_reply(reader, is_head=True)
    chunks = read_chunks(reader)
    assert head.status == 200
    assert (await anext(chunks)).startswith(b": waiting, a is ")
    await f.start("a/0")
    text = b"".join([chunk async for chunk in chunks])
    assert text.endswith(b"data: [DONE]\n\n")
    assert b'"error"' not in text


async def test_an_engine_that_crashes_on_a_request_is_spared_a_third_time(f: Fleet) -> None:
    for replica in ("a/0", "a/1", "a/2"):
        await f.start(replica, crash_after_tokens=3)
    body = {"model": "a", "messages": HI, "max_tokens": 50, "ignore_eos": True}
    reply = await f.door.ask("POST", "/v1/chat/completions", body)
    assert (reply.status, reply.error["code"]) == (500, "engine_failed")
    assert "not tried again" in reply.error["message"]
    assert reply.headers["x-should-retry"] == "false"
    alive = [name for name, view in f.table.views().items() if view.is_live]
    assert len(alive) == 1


async def test_half_of_many_streams_live_on_when_one_of_two_engines_is_killed(f: Fleet) -> None:
    for replica in ("a/0", "a/1"):
        await f.start(replica, tokens_per_second=100)
    body = {**ENDLESS, "max_tokens": 60, "stream": True}

    async def one() -> tuple[str, bytes]:
        reader, writer = await f.door.connect()
        writer.write(request("POST", "/v1/chat/completions", body))
        head = await read_reply(reader, is_head=True)
        text = b"".join([chunk async for chunk in read_chunks(reader)])
        return head.headers.get("x-xinf-replica", ""), text

    asking = [asyncio.ensure_future(one()) for _ in range(16)]
    await f.becomes_busy("a/0", 8)
    await f.becomes_busy("a/1", 8)
    await f.kill("a/0")
    ends = [text.endswith(b"data: [DONE]\n\n") for _, text in await asyncio.gather(*asking)]
    errors = [b'"code": "engine_failed"' in text for _, text in await asyncio.gather(*asking)]
    # Each one is whole or says that it is not; and nobody of the living engine was harmed.
    assert [end is not error for end, error in zip(ends, errors, strict=True)] == [True] * 16
    assert sum(ends) >= 8


async def test_at_the_end_a_stream_that_cannot_be_finished_says_so(f: Fleet) -> None:
    await f.start("a/0", **SLOW)
    reader, writer = await f.door.connect()
    writer.write(request("POST", "/v1/chat/completions", {**ENDLESS, "stream": True}))
    await read_reply(reader, is_head=True)
    f.door.site.hurry()
    await f.door.site.drain()
    await f.door.site.cut()
    events = b"".join([chunk async for chunk in read_chunks(reader)]).rstrip(b"\n").split(b"\n\n")
    assert json.loads(events[-1].removeprefix(b"data: "))["error"]["code"] == "shutting_down"
    await f.becomes_busy("a/0", 0)


async def test_a_reader_that_is_slow_but_not_dead_gets_everything(f: Fleet) -> None:
    await f.start("a/0")
    loop = asyncio.get_running_loop()
    body = {**ENDLESS, "max_tokens": 30_000}
    whole = await f.door.ask("POST", "/v1/chat/completions", body)
    streaming = {**body, "stream": True}
    sent = request("POST", "/v1/chat/completions", streaming).replace(b"HTTP/1.1", b"HTTP/1.0")
    text = b""
    with narrow() as client:
        await loop.sock_connect(client, ("127.0.0.1", f.door.port))
        await loop.sock_sendall(client, sent)
        # It does not look at anything until everything on the way is full.
        await until(lambda: any(each.writing_paused for each in f.door.server.connections))
        # From here on small bites, but no small window: the kernel's timers for those can make
        # each of them take 40 ms, and the whole a minute.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        while piece := await loop.sock_recv(client, 4096):
            text += piece
    lines = text.partition(b"\r\n\r\n")[2].decode().split("\n\n")
    assert lines[-2] == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    joined = "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
    assert joined == whole.json["choices"][0]["message"]["content"]


async def test_a_reader_that_stopped_is_cut_off_and_its_engine_is_free_again() -> None:
    limits = replace(LIMITS, write_s=0.5)
    async with fleet(limits=limits) as f:
        loop = asyncio.get_running_loop()
        await f.start("a/0")
        body = {**ENDLESS, "max_tokens": 30_000, "stream": True}
        with narrow() as client:
            await loop.sock_connect(client, ("127.0.0.1", f.door.port))
            await loop.sock_sendall(client, request("POST", "/v1/chat/completions", body))
            await until(lambda: any(each.writing_paused for each in f.door.server.connections))
            await until(lambda: f.door.site.inflight == 0)
            await f.becomes_busy("a/0", 0)


def narrow() -> socket.socket:
    """The socket of a client that will buffer next to nothing of an answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    return client
