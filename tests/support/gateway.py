"""The public door on a real loopback port, in front of faked engines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

from tests.support.routing import World
from xinf.core.clock import Clock
from xinf.gateway.apps import PublicParts, build_public_app
from xinf.gateway.completions import Patience
from xinf.gateway.connection import HttpServer
from xinf.gateway.doors import bind_public, url_of
from xinf.gateway.health import Readiness
from xinf.gateway.limits import Limits
from xinf.gateway.security import Doorkeeper
from xinf.gateway.site import Site

LIMITS = Limits(body_bytes=64 * 1024, header_s=10, body_s=60, write_s=60)
CHAT = {"model": "a", "messages": [{"role": "user", "content": "hi"}]}


@dataclass
class Reply:
    """A parsed HTTP answer; `rest` is what came after its body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        return self.json["error"]


@dataclass
class Door:
    """A served site and how to knock at it."""

    site: Site
    server: HttpServer
    port: int
    url: str
    writers: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that is closed with the door, if the test does not do it before."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer

    async def leave(self) -> None:
        for writer in self.writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def raw(self, request: bytes) -> Reply:
        """Send exactly these bytes and read one answer."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            return await read_reply(reader)
        finally:
            writer.close()

    async def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        return await self.raw(request(method, path, body, headers))


def request(
    method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> bytes:
    """The bytes of a request; a body that is not bytes is sent as JSON."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"Host": "127.0.0.1", "Content-Length": str(len(data)), **(headers or {})}
    if body is not None:
        named.setdefault("Content-Type", "application/json")
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data


async def read_reply(reader: asyncio.StreamReader, *, is_head: bool = False) -> Reply:
    """One answer, whichever way its length is told. An answer that breaks off raises."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    reply = Reply(int(lines[0].split()[1]))
    for line in lines[1:-2]:
        name, _, value = line.partition(": ")
        reply.headers[name.lower()] = value
    if is_head:
        return reply
    if reply.headers.get("transfer-encoding") == "chunked":
        async for chunk in read_chunks(reader):
            reply.body += chunk
    elif "content-length" in reply.headers:
        reply.body = await reader.readexactly(int(reply.headers["content-length"]))
    else:
        reply.body = await reader.read()
    return reply


async def read_chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)


async def until(is_so: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for what happens at the other end of a socket; fails loudly if it does not."""
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def opened(site: Site, clock: Clock, limits: Limits = LIMITS) -> AsyncGenerator[Door]:
    """`site` on a free loopback port."""
    server = HttpServer(site, clock, limits)
    socket = bind_public("127.0.0.1", 0)
    # The kernel would hold megabytes for a client that does not read; here it shows at once.
    socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 16 * 1024)
    door = await asyncio.get_running_loop().create_server(server, sock=socket)
    async with asyncio.TaskGroup() as tasks:
        sweep = tasks.create_task(server.sweep())
        opened = Door(site, server, socket.getsockname()[1], url_of(socket))
        try:
            yield opened
        finally:
            door.close()
            await server.cut_off()
            await opened.leave()
            sweep.cancel()


@asynccontextmanager
async def public_door(
    w: World,
    *,
    clock: Clock | None = None,
    limits: Limits = LIMITS,
    patience: Patience | None = None,
    doorkeeper: Doorkeeper | None = None,
) -> AsyncGenerator[Door]:
    """The public API over `w`; its clock is the world's virtual one unless told."""
    parts = PublicParts(
        router=w.router,
        directory=w.directory,
        overview=w.overview,
        readiness=Readiness(w.overview, w.table),
        doorkeeper=doorkeeper or Doorkeeper("127.0.0.1"),
        limits=limits,
        patience=patience or Patience(load_s=60, heartbeat_s=10),
        version="0.0.0",
        clock=clock or w.clock,
    )
    async with opened(build_public_app(parts), clock or w.clock, limits) as door:
        yield door
