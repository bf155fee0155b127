"""The admin API: what the CLI and the TUI ask and tell. Only ever on the private Unix socket.

Wishes are written into the store and followed from there: `launch` answers as soon as the wish is
durable, and a watch shows what becomes of it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from aiohttp import web

from xinf.config.launch import spec_from_launch
from xinf.config.settings import Settings
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.json import JsonObject
from xinf.core.models import ModelIntent, Override, launch, load, terminate
from xinf.core.views import model_view
from xinf.gateway.body import parse_object, read_body
from xinf.gateway.limits import Limits
from xinf.gateway.request_id import REQUEST_ID, SERVED_BY
from xinf.gateway.site import Call
from xinf.gateway.snapshot import Snapshots
from xinf.meta.collection import Collection

# Ten lines a second are more than an eye can follow; what changes between two is in the next.
WATCH_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class About:
    """What does not change while xinf runs. `started` is the clock's own seconds.

    `instance` tells this run from the next, which may have the same pid.
    """

    url: str
    version: str
    instance: str
    started: float


class Config(Protocol):
    """The settings as the config file has them by now, and what is wrong with its last edit."""

    @property
    def settings(self) -> Settings: ...

    @property
    def file(self) -> Path | None: ...

    @property
    def problem(self) -> str | None: ...

    @property
    def waiting(self) -> tuple[str, ...]:
        """Changed settings that apply at the next restart."""
        ...

    async def look(self) -> None:
        """Read the file as it is now."""
        ...


class Ending(Protocol):
    """Both begin the end of the process and return at once."""

    def end(self, *, hurry: bool = False) -> None: ...

    def restart(self, *, hurry: bool = False) -> None: ...


@dataclass(frozen=True, slots=True)
class Admin:
    """The handlers. `worker` looks for the process that runs the engines, and may block."""

    about: About
    config: Config
    worker: Callable[[], int | None]
    intents: Collection[ModelIntent]
    snapshots: Snapshots
    limits: Limits
    clock: Clock
    ending: Ending

    async def status(self, call: Call) -> web.Response:
        await self.snapshots.overview.synced()
        about, config = self.about, self.config
        status = {
            "url": about.url,
            "version": about.version,
            "pid": os.getpid(),
            "uptime_seconds": round(self.clock.now() - about.started, 3),
            "instance": about.instance,
            "worker_pid": await asyncio.to_thread(self.worker),
            "config_file": str(config.file) if config.file else None,
            "config_problem": config.problem,
            "config_waiting": config.waiting,
            "devices": self.snapshots.devices(),
            "device_problems": self.snapshots.device_problems(),
            "models": self.snapshots.models(),
            "replicas": self.snapshots.replicas(),
        }
        return web.json_response(status)

    async def models(self, call: Call) -> web.Response:
        await self.snapshots.overview.synced()
        return web.json_response({"models": self.snapshots.models()})

    async def replicas(self, call: Call) -> web.Response:
        await self.snapshots.overview.synced()
        return web.json_response({"replicas": self.snapshots.replicas()})

    async def launch(self, call: Call) -> web.Response:
        body = parse_object(await read_body(call.request, self.limits, self.clock))
        name = body.get("name")
        if not isinstance(name, str):
            raise XinfError(
                ErrorCode.MISSING_PARAMETER,
                thing="name",
                cause="it is required: what the model is to be called",
                param="name",
            )
        intent = await self.intents.update(name, self._launching(name, body))
        assert intent is not None  # neither way below forgets a model
        return self._row(name, intent)

    async def terminate(self, call: Call) -> web.Response:
        name = call.tail
        known = await self.intents.get(name) if name else None
        if known is None or known.is_empty:
            raise _not_found(name)
        await self.intents.update(name, _terminated)
        # Shown as it was described, although a launched one is forgotten by now.
        return self._row(name, replace(known, override=Override.TERMINATE))

    async def watch(self, call: Call) -> web.StreamResponse:
        """Everything now, and again after every change, until the client leaves."""
        only = call.request.query.get("model")
        await self.snapshots.overview.synced()
        headers = {"Content-Type": "application/x-ndjson", **SERVED_BY, REQUEST_ID: call.id}
        response = web.StreamResponse(headers=headers)
        await response.prepare(call.request)
        with self.snapshots.changes() as changed:
            last = ""
            while True:
                changed.clear()
                line = json.dumps(self.snapshots.watched(only))
                if line != last:
                    await response.write(line.encode() + b"\n")
                    last = line
                await self.clock.sleep(WATCH_INTERVAL_S)
                await changed.wait()

    async def shutdown(self, call: Call) -> web.Response:
        body = await read_body(call.request, self.limits, self.clock)
        told: JsonObject = parse_object(body) if body else {}
        hurry = told.get("hurry") is True
        if told.get("restart") is True:
            await self._check_config()
            self.ending.restart(hurry=hurry)
        else:
            self.ending.end(hurry=hurry)
        return web.json_response({"pid": os.getpid()}, status=202)

    async def _check_config(self) -> None:
        """Raises CONFIG_INVALID when xinf could not start again with the file as it is."""
        await self.config.look()
        if self.config.problem is not None:
            raise XinfError(
                ErrorCode.CONFIG_INVALID,
                thing="restart",
                cause=f"xinf could not start again: {self.config.problem}",
                next_step="Mend it first; xinf goes on with what it read before",
            )

    def _launching(
        self, name: str, body: JsonObject
    ) -> Callable[[ModelIntent | None], ModelIntent]:
        """A launch with nothing but a name means a model that is described already."""
        if body.keys() - {"name"}:
            spec = spec_from_launch(self.config.settings, name, body)
            return lambda before: launch(before or ModelIntent(), spec)

        def again(before: ModelIntent | None) -> ModelIntent:
            if before is None or before.is_empty:
                raise _not_found(name)
            return load(before)

        return again

    def _row(self, name: str, intent: ModelIntent) -> web.Response:
        overview = self.snapshots.overview
        view = model_view(name, intent, overview.engines.items.values(), overview.plan)
        return web.json_response(asdict(view))


def _terminated(before: ModelIntent | None) -> ModelIntent | None:
    after = terminate(before) if before is not None else ModelIntent()
    return None if after.is_empty else after


def _not_found(name: str) -> XinfError:
    return XinfError(
        ErrorCode.NOT_FOUND,
        thing=f"model {name!r}",
        cause="there is no model of that name",
        next_step="See `xinf ls`, or describe it with `xinf launch NAME --source S`",
        param="name",
    )
