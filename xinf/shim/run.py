"""A built engine's life inside the event loop: warm up, serve, and end in order."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import grpc.aio

from xinf.protocol.service import SERVER_OPTIONS, register
from xinf.protocol.tasks import Tasks
from xinf.shim.backends.base import EngineBackend, RequestFailed
from xinf.shim.closing import close
from xinf.shim.exits import ENGINE_DIED, LOAD_FAILED, ORPHANED, STOPPED, Exit, Stop
from xinf.shim.lease import Lease
from xinf.shim.limits import Limits
from xinf.shim.log import say
from xinf.shim.options import ShimOptions
from xinf.shim.servicer import Servicer, draining
from xinf.shim.work import Work

OWNER_ONLY = 0o177


def run(backend: EngineBackend, options: ShimOptions, on_ready: Callable[[], None]) -> Exit:
    """Serve until something ends it. The backend is closed in any case."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(live(backend, options, on_ready))


async def live(backend: EngineBackend, options: ShimOptions, on_ready: Callable[[], None]) -> Exit:
    """The same, inside a loop that the caller has; needs the main thread for its signals."""
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        name = signal.Signals(number).name
        asyncio.get_running_loop().add_signal_handler(number, stop.ask, STOPPED, name)
    try:
        return await _warm_up(backend, stop) or await _serve(backend, options, stop, on_ready)
    finally:
        await close(backend)


async def _warm_up(backend: EngineBackend, stop: Stop) -> Exit | None:
    """Why serving must not begin; None if it may."""
    try:
        async with Tasks() as tasks:
            warming = tasks.start(backend.start(), "warm up")
            stopping = tasks.start(stop.wait(), "stop while warming")
            await asyncio.wait({warming, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return stopping.result() if stopping.done() else None
    except Exception as problem:
        return Exit(LOAD_FAILED, f"{type(problem).__name__}: {problem}")


async def _serve(
    backend: EngineBackend, options: ShimOptions, stop: Stop, on_ready: Callable[[], None]
) -> Exit:
    lease = Lease(options.orphan_lease_seconds, time.monotonic, asyncio.sleep)
    async with Tasks() as tasks:
        servicer = Servicer(backend, options.engine, Work(backend, tasks), stop, lease)
        server = grpc.aio.server(options=SERVER_OPTIONS)
        register(servicer, server)
        tasks.start(_watch_engine(backend, stop), "watch engine")
        tasks.start(_watch_lease(lease, stop), "watch lease")
        try:
            _bind(server, options.socket)
            await server.start()
            on_ready()
            end = await stop.wait()
            say(f"stopping: {end.reason}")
            await _wind_down(servicer, server, end)
            return end
        finally:
            await server.stop(None)
            options.socket.unlink(missing_ok=True)


async def _wind_down(servicer: Servicer, server: grpc.aio.Server, end: Exit) -> None:
    limits = Limits()
    servicer.work.refuse(draining())
    servicer.work.stop_all(_farewell(end))
    await servicer.work.wait_empty(limits.requests_end_seconds)
    servicer.finish(end.reason)
    await server.stop(limits.flush_seconds)


def _farewell(end: Exit) -> RequestFailed:
    if end.code == ENGINE_DIED:
        return RequestFailed("engine_failed", f"The engine died: {end.reason}", retryable=True)
    return draining()


def _bind(server: grpc.aio.Server, socket: Path) -> None:
    # A shim that was killed leaves its socket; the agent gives a path to one shim at a time.
    socket.unlink(missing_ok=True)
    before = os.umask(OWNER_ONLY)
    try:
        server.add_insecure_port(f"unix:{socket}")
    finally:
        os.umask(before)


async def _watch_engine(backend: EngineBackend, stop: Stop) -> None:
    # Engines answer this question, they do not ring.
    while not (reason := backend.broken()):  # noqa: ASYNC110
        await asyncio.sleep(Limits().broken_check_seconds)
    stop.ask(ENGINE_DIED, reason)


async def _watch_lease(lease: Lease, stop: Stop) -> None:
    await lease.wait_expired()
    stop.ask(ORPHANED, "no agent asked for this engine's health any more")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None
