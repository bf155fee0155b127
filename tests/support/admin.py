"""An admin API that says what a test tells it to, on a real Unix socket.

It stands where a daemon would and lives in a thread of its own, because commands run event loops
of their own. What it does is only the contract: paths, bodies, envelopes, lines of a watch.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from xinf.cli.output import plain
from xinf.core.changes import Applied, Outlook, Preview
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Progress, Step
from xinf.core.states import EngineState, ModelState
from xinf.core.views import DeviceView, ModelView, ReplicaView
from xinf.core.why import Explanation


def model(name: str = "echo", state: ModelState = ModelState.READY, **changes: Any) -> ModelView:
    plain = ModelView(
        name=name,
        aliases=(),
        state=state,
        engine="sim",
        source="",
        replicas=1 if state is ModelState.READY else 0,
        desired_replicas=1,
        reason="",
        owner="config file",
    )
    return _changed(plain, changes)


def replica(
    name: str = "echo/0", state: EngineState = EngineState.READY, **changes: Any
) -> ReplicaView:
    plain = ReplicaView(
        model=name.partition("/")[0],
        replica=name,
        state=state,
        engine="sim",
        runtime="sim",
        pid=4242,
        devices=("cpu",),
        memory_bytes=2 * 1024**3,
        context=4096,
        running=0,
        waiting=0,
        since=1000.0,
        reason="",
    )
    return _changed(plain, changes)


def device(ident: str = "cpu:0", **changes: Any) -> DeviceView:
    plain = DeviceView(
        id=ident,
        kind=ident.partition(":")[0],
        uuid=ident.partition(":")[0],
        name="Testing CPU",
        compute_capability=None,
        memory_total=16 * 1024**3,
        memory_used=4 * 1024**3,
        memory_claimed=2 * 1024**3,
        processes=(),
    )
    return _changed(plain, changes)


def at(what: str, done: float, total: float, eta_s: float | None = None) -> Progress:
    return Progress("echo/0", "echo", Step(what, done, total), eta_s)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: Any


@dataclass
class FakeDaemon:
    """What it answers is set by the test; what it was asked is in `requests`.

    A watch sends each of `moments`, following events each of `events`, and then both stay open,
    unless `watch_ends`.
    """

    socket: Path
    devices: Sequence[DeviceView] = ()
    models: Sequence[ModelView] = ()
    replicas: Sequence[ReplicaView] = ()
    moments: Sequence[dict[str, Any]] = ()
    watch_ends: bool = False
    pid: int = field(default_factory=os.getpid)
    instance: str = "i1"
    worker_pid: int | None = 1
    config_problem: str | None = None
    config_waiting: tuple[str, ...] = ()
    events: Sequence[dict[str, Any]] = ()
    config_file: str | None = None
    outlook: Outlook = field(default_factory=lambda: Outlook(Preview()))
    applied: Applied = field(default_factory=lambda: Applied("/etc/xinf.toml"))
    explanation: Explanation | None = None
    refusal: XinfError | None = None
    raw_answer: web.Response | None = None
    silent: bool = False
    dies: bool = False
    on_shutdown: Callable[[], None] = lambda: None
    requests: list[Request] = field(default_factory=list[Request])

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.requests.append(Request(request.method, request.path, dict(request.query), body))
        if self.dies and request.transport is not None:
            request.transport.abort()
        if self.silent or self.dies:
            await asyncio.Event().wait()
        if self.raw_answer is not None:
            return self.raw_answer
        if self.refusal is not None:
            return _envelope(self.refusal)
        return await self._answer(request, body)

    async def _answer(self, request: web.Request, body: Any) -> web.StreamResponse:
        raw = request.rel_url.raw_path.removeprefix("/admin/v1/").split("/")
        match request.method, [unquote(part) for part in raw]:
            case "GET", ["status"]:
                return web.json_response(self._status())
            case "GET", ["models"]:
                return web.json_response({"models": plain(self.models)})
            case "GET", ["replicas"]:
                return web.json_response({"replicas": plain(self.replicas)})
            case "POST", ["models"]:
                named = [known for known in self.models if known.name == body["name"]]
                return web.json_response(plain(named or [model(body["name"])])[0])
            case "DELETE", ["models", name]:
                named = [known for known in self.models if name in (known.name, *known.aliases)]
                if not named:
                    missing = XinfError(ErrorCode.NOT_FOUND, cause=f"there is no model {name!r}")
                    return _envelope(missing)
                return web.json_response(plain(named)[0])
            case "GET", ["watch"]:
                return await self._watch(request)
            case "POST", ["plan"]:
                return web.json_response(asdict(self.outlook))
            case "POST", ["apply"]:
                return web.json_response(asdict(self.applied))
            case "GET", ["why", name]:
                if self.explanation is None:
                    missing = XinfError(ErrorCode.NOT_FOUND, cause=f"there is no model {name!r}")
                    return _envelope(missing)
                return web.json_response(asdict(self.explanation))
            case "GET", ["events"]:
                if "follow" in request.query:
                    return await self._stream(request, self.events)
                return web.json_response({"events": self.events})
            case "POST", ["shutdown"]:
                self.on_shutdown()
                return web.json_response({"pid": self.pid}, status=202)
            case _:
                return _envelope(XinfError(ErrorCode.UNKNOWN_URL, cause="no such URL"))

    def _status(self) -> dict[str, Any]:
        return {
            "url": "http://127.0.0.1:5090",
            "version": "0.1.0",
            "pid": self.pid,
            "uptime_seconds": 3.5,
            "config_file": self.config_file,
            "devices": plain(self.devices),
            "models": plain(self.models),
            "replicas": plain(self.replicas),
            "instance": self.instance,
            "worker_pid": self.worker_pid,
            "config_problem": self.config_problem,
            "config_waiting": self.config_waiting,
            "something_new": True,
        }

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, self.moments)

    async def _stream(
        self, request: web.Request, lines: Sequence[dict[str, Any]]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for line in lines:
            await response.write(json.dumps(line).encode() + b"\n")
        if not self.watch_ends:
            await asyncio.Event().wait()
        return response


def moment(
    models: Sequence[ModelView] = (), replicas: Sequence[ReplicaView] = (), *, ready: bool = False
) -> dict[str, Any]:
    """A line of a watch."""
    return {"models": plain(models), "replicas": plain(replicas), "ready": ready}


@contextmanager
def fake_daemon(socket: Path | None = None) -> Iterator[FakeDaemon]:
    """A running one on `socket`; leaving the block ends it and its thread."""
    root = Path(tempfile.mkdtemp(prefix="xa", dir="/tmp"))
    daemon = FakeDaemon(socket or root / "admin.sock")
    daemon.socket.parent.mkdir(parents=True, exist_ok=True)
    started, ends = threading.Event(), list[Callable[[], object]]()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", daemon.answer)
        runner = web.AppRunner(app, shutdown_timeout=1, handler_cancellation=True)
        await runner.setup()
        await web.UnixSite(runner, str(daemon.socket)).start()
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        ends.append(lambda: loop.call_soon_threadsafe(end.set))
        started.set()
        await end.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(30)
        yield daemon
    finally:
        for end in ends:
            end()
        thread.join(30)
        shutil.rmtree(root)


def _changed(view: Any, changes: dict[str, Any]) -> Any:
    return replace(view, **changes)


def _envelope(error: XinfError) -> web.Response:
    body = {
        "message": str(error),
        "type": error.kind.type,
        "param": error.param,
        "code": str(error.code),
        "exit_code": error.kind.exit_code,
    }
    return web.json_response({"error": body}, status=error.kind.status)
