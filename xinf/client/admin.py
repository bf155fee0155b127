"""The admin API over its Unix socket. CLI, TUI and tests speak to a running xinf only through this.

Every wait is bounded but one: a watch is silent as long as nothing changes, so whoever follows it
brings the deadline.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import TypeAdapter, ValidationError
from yarl import URL

from xinf.client import views
from xinf.client.errors import error_from, not_running, timed_out, unreadable
from xinf.core.changes import Applied, Outlook
from xinf.core.json import JsonObject, JsonValue
from xinf.core.views import ModelView, ReplicaView
from xinf.core.why import Explanation
from xinf.meta.events import EventQuery, Recorded

# The daemon answers from memory, or after one durable write: seconds mean that it hangs.
ANSWER_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 5.0
# One line of a watch holds all models and replicas; a thousand of each is under 1 MiB.
LINE_BYTES_MAX = 8 * 1024**2

_T = TypeVar("_T")


class AdminClient:
    """A door to the xinf that listens on `socket`; every method raises NOT_RUNNING if none does.

    What the daemon refuses comes back as the XinfError that it raised there.
    """

    def __init__(self, socket: Path, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._socket = socket
        self._answer_timeout_s = answer_timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(self._socket)),
            read_bufsize=LINE_BYTES_MAX,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def status(self) -> views.DaemonStatus:
        return await self._ask("GET", "status", views.DaemonStatus)

    async def models(self) -> tuple[ModelView, ...]:
        return (await self._ask("GET", "models", views.ModelList)).models

    async def replicas(self) -> tuple[ReplicaView, ...]:
        return (await self._ask("GET", "replicas", views.ReplicaList)).replicas

    async def launch(self, name: str, description: JsonObject) -> ModelView:
        """Wish for a model. `description` has the keys of its table; empty loads a declared one."""
        body = {"name": name, **description}
        return await self._ask("POST", "models", ModelView, body)

    async def terminate(self, name: str) -> ModelView:
        """Wish a model away; raises NOT_FOUND when there is none of that name."""
        return await self._ask("DELETE", f"models/{quote(name, safe='')}", ModelView)

    async def shutdown(self, *, hurry: bool = False, restart: bool = False) -> int:
        """Ask the daemon to drain and end (`hurry`: without draining); its pid, to wait for.

        With `restart` it starts again with the same pid; raises CONFIG_INVALID if it could not.
        """
        wish: dict[str, JsonValue] = {"hurry": hurry, **({"restart": True} if restart else {})}
        return (await self._ask("POST", "shutdown", views.Ending, wish)).pid

    async def plan(self, text: str, file: Path) -> Outlook:
        """What would change if `text` were in `file`, in force; raises CONFIG_INVALID."""
        return await self._ask("POST", "plan", Outlook, {"text": text, "file": str(file)})

    async def apply(self, text: str, file: Path) -> Applied:
        """Make `text`, which stands in `file`, the config file; raises CONFIG_INVALID."""
        return await self._ask("POST", "apply", Applied, {"text": text, "file": str(file)})

    async def why(self, name: str) -> Explanation:
        """All that is known of a model; raises NOT_FOUND."""
        return await self._ask("GET", f"why/{quote(name, safe='')}", Explanation)

    async def events(self, query: EventQuery) -> tuple[Recorded, ...]:
        """What happened, oldest first."""
        found = await self._ask("GET", "events", views.EventList, query=_parameters(query))
        return tuple(each.recorded for each in found.events)

    async def follow_events(self, query: EventQuery) -> AsyncGenerator[Recorded]:
        """What happened and then what happens; ends when the daemon does."""
        asked = {**_parameters(query), "follow": "1"}
        no_end = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_S)
        async with self._response("GET", "events", timeout=no_end, query=asked) as response:
            async for line in response.content:
                yield _read(views.EventLine, line).recorded

    async def watch(self, model: str | None = None) -> AsyncGenerator[views.Moment]:
        """Everything (of `model`) now and at every change; ends when the daemon does."""
        query = {} if model is None else {"model": model}
        no_end = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_S)
        async with self._response("GET", "watch", timeout=no_end, query=query) as response:
            async for line in response.content:
                yield _read(views.Moment, line)

    async def _ask(
        self,
        method: str,
        path: str,
        answer: type[_T],
        body: JsonObject | None = None,
        query: dict[str, str] | None = None,
    ) -> _T:
        wait = aiohttp.ClientTimeout(self._answer_timeout_s, sock_connect=CONNECT_TIMEOUT_S)
        async with self._response(method, path, timeout=wait, body=body, query=query) as response:
            return _read(answer, await response.read())

    @asynccontextmanager
    async def _response(
        self,
        method: str,
        path: str,
        *,
        timeout: aiohttp.ClientTimeout,
        body: JsonObject | None = None,
        query: dict[str, str] | None = None,
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """An answer whose status is good; whatever goes wrong on the way is an XinfError."""
        assert self._session is not None, "use it as `async with AdminClient(...)`"
        url = URL(f"http://localhost/admin/v1/{path}", encoded=True).with_query(query)
        try:
            async with self._session.request(method, url, json=body, timeout=timeout) as response:
                if response.status >= 400:
                    raise error_from(response.status, await response.read())
                yield response
        except TimeoutError as error:
            raise timed_out(self._socket, self._answer_timeout_s) from error
        except (aiohttp.ClientError, OSError) as error:
            raise not_running(self._socket, error) from error


def _parameters(query: EventQuery) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(query).items()}


@cache
def _reader(answer: type[_T]) -> TypeAdapter[_T]:
    """Made when it is first needed: a command needs one or two of them, and each takes 3 ms."""
    return TypeAdapter(answer)


def _read(answer: type[_T], text: bytes) -> _T:
    try:
        return _reader(answer).validate_json(text)
    except ValidationError as error:
        raise unreadable(str(error.errors()[0]["msg"])) from error
