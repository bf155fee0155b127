"""Both doors as the daemon opens them, and how they close."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.support.gateway import LIMITS, until
from xinf.clock import SystemClock
from xinf.gateway.doors import bind_admin, bind_public
from xinf.gateway.serve import Doors, Serving, serving
from xinf.gateway.site import Call, Endings, Route, Site

DRAIN_S = 20.0


@dataclass
class Running:
    """Two doors behind which one route answers when the test says so."""

    serving: Serving
    admin_path: Path
    go: asyncio.Event
    drains: list[int]
    cuts: list[int]
    leave: asyncio.Event
    over: asyncio.Future[None]

    async def get(self, *, admin: bool = False) -> int:
        connector = aiohttp.UnixConnector(str(self.admin_path)) if admin else None
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://localhost/slow" if admin else self.serving.url + "/slow") as reply,
        ):
            return reply.status


@asynccontextmanager
async def running(
    drain_s: float = DRAIN_S, *, answers_when_cut: bool = True
) -> AsyncGenerator[Running]:
    go, leave = asyncio.Event(), asyncio.Event()
    drains, cuts = list[int](), list[int]()

    async def slow(call: Call) -> web.Response:
        await go.wait()
        return web.Response()

    def cut() -> None:
        cuts.append(public.inflight)
        if answers_when_cut:
            go.set()

    endings = Endings(drain=lambda: drains.append(public.inflight), cut=cut)
    public = Site([Route("GET", "/slow", slow)], endings=endings)
    admin = Site([Route("GET", "/slow", slow)])
    ready: asyncio.Future[Serving] = asyncio.get_running_loop().create_future()

    async def run(path: Path) -> None:
        doors = Doors(
            public,
            bind_public("127.0.0.1", 0),
            admin,
            bind_admin(path),
            LIMITS,
            drain_s,
        )
        async with (
            asyncio.TaskGroup() as tasks,
            serving(doors, SystemClock(), tasks) as opened,
        ):
            ready.set_result(opened)
            await leave.wait()

    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        path = Path(name) / "a.sock"
        over = asyncio.ensure_future(run(path))
        try:
            yield Running(await ready, path, go, drains, cuts, leave, over)
        finally:
            leave.set()
            go.set()
            await over


async def test_both_doors_answer() -> None:
    async with running() as r:
        r.go.set()
        assert await r.get() == 200
        assert await r.get(admin=True) == 200


async def test_what_is_in_flight_is_finished_and_nothing_new_is_taken() -> None:
    async with running() as r:
        asking = asyncio.ensure_future(r.get())
        await until(lambda: r.serving.inflight == 1)
        r.leave.set()
        await until(lambda: r.drains == [1])
        try:
            status = await r.get()
        except aiohttp.ClientConnectionError:
            status = 0
        assert status in (0, 503)
        assert not r.over.done()
        r.go.set()
        assert await asking == 200
        await r.over
        assert not r.admin_path.exists()


async def test_a_kept_connection_is_told_that_it_is_over() -> None:
    async with running() as r:
        port = int(r.serving.url.rpartition(":")[2])
        kept, writer = await asyncio.open_connection("127.0.0.1", port)
        other = asyncio.ensure_future(r.get())
        await until(lambda: r.serving.inflight == 1)
        r.leave.set()
        await until(lambda: bool(r.drains))
        writer.write(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await kept.read()
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"shutting_down" in answer
        assert b"Connection: close" in answer
        writer.close()
        r.go.set()
        assert await other == 200


async def test_when_the_time_is_up_the_rest_is_told_and_may_answer() -> None:
    async with running(drain_s=0.0) as r:
        asking = asyncio.ensure_future(r.get())
        await until(lambda: r.serving.inflight == 1)
        r.leave.set()
        assert await asking == 200
        assert r.cuts == [1]
        await r.over


async def test_who_does_not_even_answer_then_is_cut_off() -> None:
    async with running(drain_s=0.0, answers_when_cut=False) as r:
        asking = asyncio.ensure_future(r.get())
        await until(lambda: r.serving.inflight == 1)
        r.leave.set()
        result = (await asyncio.gather(asking, return_exceptions=True))[0]
        assert isinstance(result, aiohttp.ClientError)
        await r.over
        assert r.serving.inflight == 0


async def test_hurry_ends_the_drain_while_the_admin_door_is_still_open() -> None:
    async with running() as r:
        asking = asyncio.ensure_future(r.get())
        await until(lambda: r.serving.inflight == 1)
        r.leave.set()
        await until(lambda: bool(r.drains))
        assert r.admin_path.exists()
        assert r.cuts == []
        r.serving.hurry()
        assert await asking == 200
        assert r.cuts == [1]
        await r.over


async def test_an_idle_kept_connection_does_not_delay_the_end() -> None:
    async with running() as r:
        port = int(r.serving.url.rpartition(":")[2])
        kept, writer = await asyncio.open_connection("127.0.0.1", port)
        r.leave.set()
        await r.over
        assert await kept.read() == b""
        writer.close()
