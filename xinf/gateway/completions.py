"""POST /v1/chat/completions, /v1/completions and /v1/embeddings: the engine's own bytes, relayed.

Headers are held until the engine's first bytes, so that a refusal keeps its status. A client that
streams gets heartbeats when that takes long, and after them, or after the first bytes, an error is
an event and the end of the connection: never [DONE], never silence. An answer in one piece is
collected first, so that an engine may die in the middle without the client knowing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.core.json import JsonObject
from xinf.core.requests import ExecutionContext
from xinf.engine.failure import EngineFailure
from xinf.engine.session import Data
from xinf.gateway.body import parse_object, read_body
from xinf.gateway.errors import fault_of
from xinf.gateway.limits import Limits
from xinf.gateway.openai import SESSION_KEY_CHARS_MAX, Asked
from xinf.gateway.request_id import REQUEST_ID, SERVED_BY
from xinf.gateway.site import Call
from xinf.gateway.sse import SSE_HEADERS, EventRelay, comment, event
from xinf.router.directory import ModelDirectory
from xinf.router.overview import Overview
from xinf.router.router import RoutedStream, Router
from xinf.router.standing import unknown_model

REPLICA = "x-xinf-replica"
SESSION_ID = "x-session-id"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request waits for its model, and after how long a stream gets a heartbeat."""

    load_s: float
    heartbeat_s: float


@dataclass(frozen=True, slots=True)
class Completions:
    """Answers one endpoint. `parse` checks its body."""

    endpoint: str
    parse: Callable[[JsonObject], Asked]
    router: Router
    directory: ModelDirectory
    overview: Overview
    limits: Limits
    patience: Patience
    clock: Clock

    async def __call__(self, call: Call) -> web.StreamResponse:
        body = await read_body(call.request, self.limits, self.clock)
        asked = self.parse(parse_object(body))
        context = await self._context(call, asked)
        async with self.router.open(context, body) as stream:
            if asked.is_stream:
                return await self._relay(call, stream, context.model)
            answer = await stream.collect()
            headers = {"Content-Type": answer.content_type, REPLICA: stream.replica}
            return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _context(self, call: Call, asked: Asked) -> ExecutionContext:
        await self.directory.synced()
        found = self.directory.resolve(asked.model)
        if found is None:
            raise unknown_model(asked.model, self.directory.names())
        return ExecutionContext(
            request_id=call.id,
            model=found[0],
            endpoint=self.endpoint,
            deadline=self.clock.now() + self.patience.load_s,
            session_key=self._session_key(call, asked),
        )

    def _session_key(self, call: Call, asked: Asked) -> str:
        named = call.request.headers.get(SESSION_ID, "")
        return named if 0 < len(named) <= SESSION_KEY_CHARS_MAX else asked.session_key

    async def _relay(self, call: Call, stream: RoutedStream, model: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={**SSE_HEADERS, **SERVED_BY, REQUEST_ID: call.id})
        relay = EventRelay()
        try:
            first = await self._first_data(stream, partial(self._beat, call, response, model))
            if not response.prepared:
                response.headers[REPLICA] = stream.replica
                await response.prepare(call.request)
            await _send(response, relay.feed(first))
            async for each in stream:
                if isinstance(each, Data):
                    await _send(response, relay.feed(each.data))
            await response.write_eof(relay.rest())
        except (XinfError, EngineFailure) as error:
            if not response.prepared:
                raise
            await response.write(event(fault_of(error).envelope()))
            response.force_close()
            await response.write_eof()
        return response

    async def _first_data(self, stream: RoutedStream, beat: Callable[[], Awaitable[None]]) -> bytes:
        """The answer's first bytes; `beat` is called again and again until they are there."""
        failure: XinfError | EngineFailure | None = None
        first = b""
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(self._beats(beat), name="heartbeats")
            try:
                first = await _next_data(stream)
            except (XinfError, EngineFailure) as error:
                failure = error  # out of the group first, which would wrap it
            finally:
                beating.cancel()
        if failure is not None:
            raise failure
        return first

    async def _beats(self, beat: Callable[[], Awaitable[None]]) -> None:
        # A client that has gone cancels this request anyway.
        with suppress(ConnectionError):
            while True:
                await self.clock.sleep(self.patience.heartbeat_s)
                await beat()

    async def _beat(self, call: Call, response: web.StreamResponse, model: str) -> None:
        if not response.prepared:
            await response.prepare(call.request)
        standing = self.overview.standing(model)
        words = f"{model} {standing.words}" if standing else model
        await response.write(comment(f"waiting, {words}"))


async def _next_data(stream: RoutedStream) -> bytes:
    async for each in stream:
        if isinstance(each, Data):
            return each.data
    return b""


async def _send(response: web.StreamResponse, data: bytes) -> None:
    if data:
        await response.write(data)
