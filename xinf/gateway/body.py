"""The body of a request: bounded in size and time, and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aiohttp import web
from pydantic_core import from_json

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.json import JsonObject, JsonValue
from xinf.core.units import format_bytes, format_seconds
from xinf.gateway.limits import Limits


async def read_body(request: web.BaseRequest, limits: Limits, clock: Clock) -> bytes:
    """The whole body. Raises REQUEST_TOO_LARGE, REQUEST_TIMEOUT and other XinfErrors."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        # Nobody compresses a prompt for a loopback port, and what is small on the way in could be
        # any size once it is unpacked.
        raise XinfError(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
            thing="header Content-Encoding",
            cause="compressed requests are not understood",
            next_step="Send plain JSON",
        )
    if (request.content_length or 0) > limits.body_bytes:
        raise _too_large(limits.body_bytes)
    _ask_to_continue(request)
    try:
        async with clock.timeout(limits.body_s):
            return await _read(request, limits.body_bytes)
    except TimeoutError:
        raise XinfError(
            ErrorCode.REQUEST_TIMEOUT,
            cause=f"the request's body did not arrive within {format_seconds(limits.body_s)}",
            next_step="Send it again",
        ) from None
    except web.RequestPayloadError as error:
        raise XinfError(
            ErrorCode.INVALID_REQUEST,
            thing="the request's body",
            cause=f"it did not arrive as announced ({str(error).partition(chr(10))[0][:200]})",
        ) from None


def parse_object(body: bytes) -> JsonObject:
    """`body` as a JSON object. Raises INVALID_JSON or INVALID_TYPE."""
    try:
        # Bounded nesting, no NaN, no lone surrogates; several times faster than the json module,
        # which counts because no other request runs meanwhile.
        value = cast("JsonValue", from_json(body, allow_inf_nan=False))
    except ValueError as error:
        raise XinfError(
            ErrorCode.INVALID_JSON,
            thing="the request's body",
            cause=f"it is not valid JSON ({error})" if body else "it is empty",
            next_step="Send a JSON object",
        ) from None
    if not isinstance(value, Mapping):
        raise XinfError(
            ErrorCode.INVALID_TYPE,
            thing="the request's body",
            cause="it must be a JSON object",
        )
    return value


async def _read(request: web.BaseRequest, body_bytes_max: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await request.content.readany():
        pieces.append(piece)
        size += len(piece)
        if size > body_bytes_max:
            raise _too_large(body_bytes_max)
    return b"".join(pieces)


def _ask_to_continue(request: web.BaseRequest) -> None:
    """Tell a client that waits for leave to send its body that it has it."""
    transport = request.transport
    if "Expect" in request.headers and transport is not None:
        transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _too_large(body_bytes_max: int) -> XinfError:
    return XinfError(
        ErrorCode.REQUEST_TOO_LARGE,
        thing="the request's body",
        cause=f"it is larger than {format_bytes(body_bytes_max)}",
        next_step="Send less, or raise server.body_limit",
    )
