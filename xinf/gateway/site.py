"""One door: finds the route, lets a handler answer, and turns every error into the envelope."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote

from aiohttp import web

from xinf.core.errors import ErrorCode, XinfError
from xinf.engine.failure import EngineFailure
from xinf.gateway.bad_http import bug_fault
from xinf.gateway.errors import Fault, error_response, fault_of
from xinf.gateway.request_id import REQUEST_ID, SERVED_BY, request_id
from xinf.gateway.security import Doorkeeper
from xinf.router.standing import shutting_down

# A path longer than any of ours is not compared in full to guess what was meant.
CLOSE_CHARS_MAX = 100


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a handler. `tail` is what the path has beyond the route's own, decoded."""

    request: web.BaseRequest
    id: str
    tail: str = ""


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path and who answers it. One that ends in "/" takes every longer path too."""

    method: str
    path: str
    handler: Handler

    def takes(self, path: str) -> bool:
        """Whether `path`, percent-encoded as it came, is this route's."""
        if self.path.endswith("/") and self.path != "/":
            return len(path) > len(self.path) and path.startswith(self.path)
        return path == self.path

    def takes_method(self, method: str) -> bool:
        return method == self.method or (method == "HEAD" and self.method == "GET")


@dataclass(frozen=True, slots=True)
class Endings:
    """What happens behind a door on its way out: `drain` when nothing new is taken, `cut` when the
    time of those in flight is up.
    """

    drain: Callable[[], None]
    cut: Callable[[], None]


class Site:
    """Answers requests; counts those it is answering. `doorkeeper` None: everybody may call."""

    def __init__(
        self,
        routes: Sequence[Route],
        doorkeeper: Doorkeeper | None = None,
        endings: Endings | None = None,
        *,
        with_exit_codes: bool = False,
    ) -> None:
        self._routes = routes
        self._doorkeeper = doorkeeper
        self._endings = endings
        self._with_exit_codes = with_exit_codes
        self._is_draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._drained = asyncio.Event()
        self.inflight = 0

    async def drain(self) -> None:
        """Refuse what comes from now on; wait for what is in flight, or for a `hurry`."""
        self._is_draining = True
        if self._endings is not None:
            self._endings.drain()
        if self.inflight == 0:
            self._drained.set()
        await self._drained.wait()

    def hurry(self) -> None:
        """End the drain, now or once it begins."""
        self._drained.set()

    async def cut(self) -> None:
        """Have what is still in flight told that it is over, and wait until it is."""
        if self._endings is not None:
            self._endings.cut()
        await self._idle.wait()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.inflight += 1
        self._idle.clear()
        try:
            return await self._answer(request)
        finally:
            self.inflight -= 1
            if self.inflight == 0:
                self._idle.set()
                if self._is_draining:
                    self._drained.set()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        ident = request_id(request.headers.get(REQUEST_ID))
        try:
            self._check(request)
            route, tail = self._find(request)
            response = await route.handler(Call(request, ident, tail))
        except (XinfError, EngineFailure) as error:
            return self._refusal(request, ident, fault_of(error))
        except ConnectionError:  # the client has gone; there is nobody to answer
            raise
        except Exception as error:
            request.protocol.log_exception("request %s failed", ident, exc_info=error)
            return self._refusal(request, ident, bug_fault())
        if not response.prepared:
            response.headers.update({REQUEST_ID: ident, **SERVED_BY})
        return response

    def _check(self, request: web.BaseRequest) -> None:
        headers = request.headers
        if self._doorkeeper is not None:
            host = headers.get("Host")
            # `request.host` is the authority of an absolute target, else the header again.
            target_host = request.host if host is not None else None
            self._doorkeeper.check(host, target_host, headers.get("Origin"))
        if self._is_draining:
            raise shutting_down()
        if headers.get("Expect", "100-continue").lower() != "100-continue":
            raise XinfError(
                ErrorCode.INVALID_REQUEST,
                thing="header Expect",
                cause="only 100-continue is understood",
            )

    def _find(self, request: web.BaseRequest) -> tuple[Route, str]:
        path = request.rel_url.raw_path
        routes = [route for route in self._routes if route.takes(path)]
        if not routes:
            raise self._unknown_url(request.method, path)
        for route in routes:
            if route.takes_method(request.method):
                return route, _decoded(path[len(route.path) :])
        raise XinfError(
            ErrorCode.METHOD_NOT_ALLOWED,
            thing=f"{request.method} {path}",
            cause="this path does not take that method",
            next_step=f"Use {' or '.join(self._methods(path))}",
        )

    def _methods(self, path: str) -> list[str]:
        methods = {route.method for route in self._routes if route.takes(path)}
        return sorted(methods | ({"HEAD"} if "GET" in methods else set()))

    def _unknown_url(self, method: str, path: str) -> XinfError:
        paths = sorted({route.path for route in self._routes})
        close = difflib.get_close_matches(path[:CLOSE_CHARS_MAX], paths, n=1, cutoff=0.7)
        meant = f"/v1{path}" if f"/v1{path}" in paths else next(iter(close), None)
        return XinfError(
            ErrorCode.UNKNOWN_URL,
            thing=f"{method} {path}",
            cause="there is nothing at this URL",
            next_step=f"Did you mean {meant}?" if meant else f"There is {', '.join(paths)}",
        )

    def _refusal(self, request: web.BaseRequest, ident: str, fault: Fault) -> web.Response:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer broke off")
        response = error_response(fault, ident, with_exit_code=self._with_exit_codes)
        if fault.code is ErrorCode.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(self._methods(request.rel_url.raw_path))
        if self._is_draining or not request.content.is_eof():
            # The rest of a refused body is read for a moment, so that the client can see why.
            response.force_close()
        return response


def _decoded(tail: str) -> str:
    try:
        return unquote(tail, errors="strict")
    except UnicodeDecodeError:
        raise XinfError(
            ErrorCode.INVALID_VALUE,
            thing=f"the path's end {tail!r}",
            cause="its percent-encoding is not UTF-8",
        ) from None
