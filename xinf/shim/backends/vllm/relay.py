"""One request through vLLM's own ASGI app, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from xinf.protocol.tasks import Tasks
from xinf.shim.backends.base import Answer, Call, RequestFailed, Usage
from xinf.shim.backends.vllm.asking import Asked
from xinf.shim.backends.vllm.errors import broken_stream, refusal
from xinf.shim.backends.vllm.pieces import DATA, DONE, ERROR, Renaming, is_usage_piece, usage_in

# How long vLLM may take to drop a request whose client is gone: a few turns of the loop.
LEAVE_SECONDS = 1.0
# vLLM's own server reads these. A lower priority is earlier, as with us.
PRIORITY_HEADER = b"x-vllm-priority"
ID_HEADER = b"x-request-id"

Message: TypeAlias = Mapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


class Relay:
    """`lost` says why the engine is gone for ever; empty while it is not."""

    def __init__(self, app: App, served_name: str, lost: Callable[[], str]) -> None:
        self._app = app
        self._served_name = served_name
        self._lost = lost

    async def handle(self, call: Call, asked: Asked, answer: Answer) -> Usage:
        """Cancelling it makes vLLM abort the request. Raises RequestFailed."""
        exchange = Exchange(asked, answer, Renaming(self._served_name, asked.model))
        async with Tasks() as tasks:
            asking = tasks.start(self._ask(call, exchange), f"vLLM on {call.id}")
            try:
                await asyncio.wait({asking})
            finally:
                if not asking.done():
                    exchange.leave()
                    await asyncio.wait({asking}, timeout=LEAVE_SECONDS)
        if exchange.is_complete:
            return exchange.usage
        raise self._failure(exchange, call.endpoint)

    async def _ask(self, call: Call, exchange: Exchange) -> None:
        try:
            await self._app(scope_of(call), exchange.receive, exchange.send)
        except Exception as problem:
            # After a last answer of its own the app still raises what it could not handle.
            exchange.problem = problem

    def _failure(self, exchange: Exchange, endpoint: str) -> Exception:
        if exchange.failure is not None:
            return exchange.failure
        if lost := self._lost():
            return RequestFailed("engine_failed", f"The engine died: {lost}.", retryable=True)
        if exchange.broken:
            return broken_stream(exchange.broken, endpoint)
        if exchange.status not in (0, 200):
            return refusal(exchange.status, bytes(exchange.refused), endpoint)
        return exchange.problem or RequestFailed("engine_failed", "vLLM broke off its answer.")


class Exchange:
    """The client that vLLM sees, for one request."""

    def __init__(self, asked: Asked, answer: Answer, rename: Renaming) -> None:
        self.status = 0
        self.refused = bytearray()
        self.broken = b""
        self.failure: RequestFailed | None = None
        self.problem: Exception | None = None
        self.usage = Usage()
        self.is_complete = False
        self._asked = asked
        self._answer = answer
        self._rename = rename
        self._content_type = ""
        self._has_head = False
        self._is_told = False
        self._left = asyncio.Event()

    def leave(self) -> None:
        """Hang up: vLLM hears of a disconnect, and nothing is written any more."""
        self._left.set()

    async def receive(self) -> Message:
        if not self._is_told:
            self._is_told = True
            return {"type": "http.request", "body": self._asked.body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._left.is_set():
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            told = dict(message["headers"]).get(b"content-type", b"application/json")
            self._content_type = told.decode()
            return
        try:
            await self._take(bytes(message.get("body", b"")), bool(message.get("more_body")))
        except RequestFailed as failure:
            self.failure = failure
            self.leave()

    async def _take(self, data: bytes, more: bool) -> None:
        if self.status != 200:
            self.refused += data
        elif self._content_type.startswith("text/event-stream"):
            await self._take_event(data)
        else:
            await self._pass(data)
            self.is_complete = not more

    async def _take_event(self, event: bytes) -> None:
        """Events come one by one, as vLLM makes them."""
        if self.broken:
            return
        if event.startswith(ERROR):
            # Held back: whoever reads us may still answer from another replica.
            self.broken = event.removeprefix(DATA).strip()
            return
        await self._pass(event, is_hidden=self._asked.hides_usage and is_usage_piece(event))
        self.is_complete = self.is_complete or event.startswith(DONE)

    async def _pass(self, data: bytes, is_hidden: bool = False) -> None:
        self.usage = usage_in(data) or self.usage
        if not data or is_hidden:
            return
        if not self._has_head:
            self._has_head = True
            self._answer.head(self._content_type)
        await self._answer.write(self._rename(data))


def _headers(call: Call) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", b"application/json"),
        (PRIORITY_HEADER, str(call.priority).encode()),
    ]
    if call.id:
        headers.append((ID_HEADER, call.id.encode("latin-1", "replace")))
    return headers


def scope_of(call: Call) -> Message:
    """A request as a server would hand it to the app.

    With ASGI 2.4 and later the app would not listen for a disconnect while it streams.
    """
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": call.endpoint,
        "raw_path": call.endpoint.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": _headers(call),
        "client": ("127.0.0.1", 0),
        "server": ("xinf", 80),
        "state": {},
    }
