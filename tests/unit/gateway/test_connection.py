"""Slow clients: none holds a connection or an engine for longer than the limits say."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

from tests.support.clock import settle
from tests.support.gateway import (
    CHAT,
    LIMITS,
    Door,
    public_door,
    read_reply,
    request,
    until,
)
from tests.support.routing import engine, world


async def small_window(door: Door) -> socket.socket:
    """A client that will buffer next to nothing of an answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", door.port))
    return client


async def test_a_head_that_does_not_arrive_is_answered_with_408_in_time() -> None:
    async with world() as w, public_door(w) as door:
        reader, writer = await door.connect()
        writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0")
        await until(lambda: any(c._head_since is not None for c in door.server.connections))  # type: ignore[attr-defined]
        await w.clock.advance(LIMITS.header_s - 1)
        assert not reader.at_eof()
        await w.clock.advance(2)
        reply = await read_reply(reader)
        assert (reply.status, reply.error["code"]) == (408, "request_timeout")
        assert await reader.read() == b""
        writer.close()


async def test_trickling_a_head_byte_by_byte_wins_no_time() -> None:
    async with world() as w, public_door(w) as door:
        reader, writer = await door.connect()
        for byte in b"GET /heal":
            writer.write(bytes([byte]))
            await asyncio.sleep(0.002)
            await w.clock.advance(1)
        await w.clock.advance(2)
        assert (await read_reply(reader)).status == 408
        writer.close()


async def test_the_second_head_on_a_connection_is_bounded_too() -> None:
    async with world() as w, public_door(w) as door:
        reader, writer = await door.connect()
        writer.write(request("GET", "/health"))
        assert (await read_reply(reader)).status == 200
        await w.clock.advance(LIMITS.header_s + 5)  # idle is not slow
        writer.write(b"GET /hea")
        await until(lambda: any(c._head_since is not None for c in door.server.connections))  # type: ignore[attr-defined]
        await w.clock.advance(LIMITS.header_s + 1)
        assert (await read_reply(reader)).status == 408
        writer.close()


async def test_a_body_that_does_not_arrive_is_answered_with_408_in_time() -> None:
    async with world() as w, public_door(w) as door:
        reader, writer = await door.connect()
        writer.write(request("POST", "/v1/chat/completions", CHAT)[:-5])
        await until(lambda: door.site.inflight == 1)
        await w.clock.advance(LIMITS.body_s + 1)
        reply = await read_reply(reader)
        assert (reply.status, reply.error["code"]) == (408, "request_timeout")
        assert reply.headers["connection"] == "close"
        writer.close()


async def test_a_request_that_waits_long_for_its_answer_is_no_slow_client() -> None:
    async with world() as w, public_door(w) as door:
        w.start(engine("a/0"))
        await settle()
        reader, writer = await door.connect()
        writer.write(request("POST", "/v1/chat/completions", CHAT))
        await until(lambda: bool(w.session().open_streams))
        await w.clock.advance(300)
        (stream,) = w.session().open_streams
        stream.say(b'{"ok": 1}', content_type="application/json")
        stream.end()
        assert (await read_reply(reader)).json == {"ok": 1}
        writer.close()


async def test_a_client_that_reads_nothing_of_its_stream_is_cut_off_and_cancelled() -> None:
    async with world() as w, public_door(w) as door:
        w.start(engine("a/0"))
        await settle()
        client = await small_window(door)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(
            client, request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
        )
        await until(lambda: bool(w.session().open_streams))
        (stream,) = w.session().open_streams
        for _ in range(4000):
            stream.say(b"data: " + b"x" * 4000 + b"\n\n")
        await until(lambda: any(c.writing_paused for c in door.server.connections))
        await w.clock.advance(LIMITS.write_s - 1)
        assert not stream.is_left
        await w.clock.advance(2)
        await until(lambda: stream.is_left)
        await until(lambda: door.site.inflight == 0)
        client.close()


async def test_a_client_that_never_takes_the_last_bytes_is_cut_off_too() -> None:
    limits = replace(LIMITS, body_bytes=10**9)
    async with world() as w, public_door(w, limits=limits) as door:
        w.start(engine("a/0"))
        await settle()
        client = await small_window(door)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, request("POST", "/v1/chat/completions", CHAT))
        await until(lambda: bool(w.session().open_streams))
        (stream,) = w.session().open_streams
        stream.say(b"x" * 20_000_000, content_type="application/json")
        stream.end()
        await until(lambda: any(c.writing_paused for c in door.server.connections))
        await w.clock.advance(LIMITS.write_s + 1)
        await until(lambda: door.server.connections == [])
        client.close()
