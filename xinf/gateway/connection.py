"""HTTP connections that answer even what is hardly HTTP, and that nobody can hold open for free.

aiohttp parses; this adds three things to it. Whatever it refuses by itself gets the same envelope
as any other error. A request head that does not arrive in time is answered with 408. And a client
that takes nothing of its answer for too long is cut off, which cancels its request. The two waits
are judged by one sweep over all connections, so that no request pays for a timer of its own.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode
from xinf.gateway.bad_http import bug_fault, parse_fault, raw_answer, slow_head_fault
from xinf.gateway.errors import Fault, error_response
from xinf.gateway.limits import HEADERS_MAX, LINE_BYTES_MAX, Limits
from xinf.gateway.request_id import mint_request_id

# How late a cut may come.
SWEEP_S = 0.5
# A refused client may still be sending; it gets this long to read why before the connection ends.
LINGER_S = 2.0
# How long a handler whose client was cut off may take to let go of what it holds.
CUT_OFF_S = 2.0


class Connection(RequestHandler):
    """One client's connection. Times are the clock's."""

    def __init__(self, server: HttpServer, clock: Clock, limits: Limits, **options: Any) -> None:
        super().__init__(server, **options)
        self._clock = clock
        self._limits = limits
        self._wire: asyncio.Transport | None = None
        self._head_since: float | None = None
        self._stalled_since: float | None = None
        self._closing_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.Transport", transport)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        heads = self._request_count
        try:
            super().data_received(data)
        except Exception as error:
            # aiohttp's parser lets errors of its URL library through, and asyncio would drop the
            # connection without a word.
            self._refuse(parse_fault(error))
            return
        self._tell_handler_of_broken_body()
        if self._request_count != heads or self._waiter is None:
            self._head_since = None
        elif data and self._head_since is None:
            self._head_since = self._clock.now()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled_since = self._clock.now()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stalled_since = None

    def cut_if_late(self) -> None:
        """End the connection if its client is slower than the limits allow."""
        now, limits = self._clock.now(), self._limits
        if self._closing_since is None and self._wire is not None and self._wire.is_closing():
            # Closing waits for the client to take the last bytes.
            self._closing_since = now
        if _is_over(self._head_since, limits.header_s, now):
            self._refuse(slow_head_fault(limits.header_s))
        elif _is_over(self._stalled_since, limits.write_s, now) or _is_over(
            self._closing_since, limits.write_s, now
        ):
            self._abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what aiohttp could not parse, or to a bug of ours."""
        if status >= 500:
            self.log_exception("a request failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun; nothing can be added to it")
        fault = parse_fault(exc) if status < 500 else bug_fault()
        response = error_response(fault, mint_request_id())
        response.headers["Connection"] = "close"
        if fault.code is ErrorCode.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = "GET, HEAD, POST"
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a bug of ours; a body that broke off is the client's, and was answered."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

    def _tell_handler_of_broken_body(self) -> None:
        # aiohttp queues the parser's error as one more request, and whoever is reading the body
        # that it broke off in would wait for the rest until the body's time is up.
        current = self._current_request
        if current is None or current.content.is_eof() or not self._messages:
            return
        queued = self._messages[-1][0]
        if not isinstance(queued, RawRequestMessage):
            current.content.set_exception(web.RequestPayloadError(queued.message))

    def _refuse(self, fault: Fault) -> None:
        """Answer outside of any request, and close."""
        self._head_since = None
        if self.transport is None or self._request_in_progress:
            self._abort()
            return
        self.transport.write(raw_answer(error_response(fault, mint_request_id())))
        self.force_close()

    def _abort(self) -> None:
        # close() would wait for the buffer to drain, into a client that does not read.
        if self._wire is not None:
            self._wire.abort()


def _is_over(since: float | None, limit_s: float, now: float) -> bool:
    return since is not None and now - since >= limit_s


class HttpServer(web.Server):
    """Makes the connections of one site and sweeps them."""

    def __init__(self, site: Any, clock: Clock, limits: Limits) -> None:
        super().__init__(site, handler_cancellation=True)
        self._clock = clock
        self._limits = limits

    def __call__(self) -> RequestHandler:
        return Connection(
            self,
            self._clock,
            self._limits,
            loop=self._loop,
            keepalive_timeout=self._limits.idle_s,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
            max_headers=HEADERS_MAX,
            lingering_time=LINGER_S,
            auto_decompress=False,
            access_log=None,
        )

    async def cut_off(self) -> None:
        """Close every connection, and wait until its handler has let go of what it holds."""
        for connection in self.connections:
            connection.force_close()
        await self.shutdown(CUT_OFF_S)

    async def sweep(self) -> None:
        """Cut off slow clients, for ever."""
        while True:
            await self._clock.sleep(SWEEP_S)
            for connection in self.connections:
                cast("Connection", connection).cut_if_late()
