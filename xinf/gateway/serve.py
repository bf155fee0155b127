"""Both doors open for a block, and closed politely.

On the way out new requests are refused, those in flight get their time, and then the rest is cut
off. The admin door closes last, so that one can look on, and hurry.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from xinf.core.clock import Clock
from xinf.gateway.connection import CUT_OFF_S, HttpServer
from xinf.gateway.doors import BACKLOG, bind_admin, bind_public, forget_admin, url_of
from xinf.gateway.limits import Limits
from xinf.gateway.site import Site

__all__ = ["Doors", "Serving", "bind_admin", "bind_public", "serving", "url_of"]


@dataclass(frozen=True, slots=True)
class Doors:
    """What is to be opened. On the way out, those in flight have `drain_s` seconds."""

    public: Site
    public_socket: socket.socket
    admin: Site
    admin_socket: socket.socket
    limits: Limits
    drain_s: float


@dataclass(frozen=True, slots=True)
class Serving:
    """Two open doors. `url` is where the public one is, without a path."""

    url: str
    public: Site

    @property
    def inflight(self) -> int:
        """Public requests that are being answered."""
        return self.public.inflight

    def hurry(self) -> None:
        """Cut the drain short, now or once it begins."""
        self.public.hurry()


@asynccontextmanager
async def serving(doors: Doors, clock: Clock, tasks: asyncio.TaskGroup) -> AsyncGenerator[Serving]:
    """Answer at both doors for the block; leaving it drains the public one, then closes both.

    `tasks` owns what watches over slow clients meanwhile.
    """
    loop = asyncio.get_running_loop()
    public = HttpServer(doors.public, clock, doors.limits)
    admin = HttpServer(doors.admin, clock, doors.limits)
    sweeps = [
        tasks.create_task(public.sweep(), name="sweep of public connections"),
        tasks.create_task(admin.sweep(), name="sweep of admin connections"),
    ]
    admin_door = await loop.create_unix_server(admin, sock=doors.admin_socket, backlog=BACKLOG)
    public_door = await loop.create_server(public, sock=doors.public_socket, backlog=BACKLOG)
    try:
        yield Serving(url_of(doors.public_socket), doors.public)
    finally:
        try:
            public_door.close()
            await _drained(doors, clock)
        finally:
            forget_admin(doors.admin_socket)
            admin_door.close()
            await public.cut_off()
            await admin.cut_off()
            for sweep in sweeps:
                sweep.cancel()


async def _drained(doors: Doors, clock: Clock) -> None:
    with suppress(TimeoutError):
        async with clock.timeout(doors.drain_s):
            await doors.public.drain()
    with suppress(TimeoutError):
        async with clock.timeout(CUT_OFF_S):
            await doors.public.cut()
