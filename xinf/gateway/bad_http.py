"""What to say to a client whose bytes are not, or not in time, an HTTP request."""

from __future__ import annotations

import re

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError, LineTooLong

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.units import format_seconds
from xinf.gateway.errors import Fault, fault_of
from xinf.gateway.limits import HEADERS_MAX, LINE_BYTES_MAX

# A request line with nothing wrong but its method, in the parser's rendering of the bytes.
_SOUND_LINE = re.compile(r"'[A-Za-z]{1,32} /\S* HTTP/1\.[01]\b")


def parse_fault(error: BaseException | None) -> Fault:
    """The answer to bytes that the parser refused with `error`."""
    # The parser says "too many headers" in words only.
    if isinstance(error, LineTooLong) or "Too many headers" in str(error):
        return fault_of(
            XinfError(
                ErrorCode.HEADERS_TOO_LARGE,
                cause=f"a line of the request is longer than {LINE_BYTES_MAX} bytes, "
                f"or there are more than {HEADERS_MAX} headers",
                next_step="Send less in the URL and the headers",
            )
        )
    if isinstance(error, BadHttpMethod) and _SOUND_LINE.search(error.message):
        return fault_of(
            XinfError(
                ErrorCode.METHOD_NOT_ALLOWED,
                cause="the request's method is not one that HTTP knows",
                next_step="Use GET or POST",
            )
        )
    return fault_of(
        XinfError(
            ErrorCode.INVALID_REQUEST,
            cause=f"this is not a valid HTTP request ({_first_line(error)})",
            next_step="Speak plain HTTP/1.1 to this port, without TLS",
        )
    )


def slow_head_fault(limit_s: float) -> Fault:
    """The answer to a request head that did not arrive."""
    return fault_of(
        XinfError(
            ErrorCode.REQUEST_TIMEOUT,
            cause=f"the request's headers did not arrive within {format_seconds(limit_s)}",
            next_step="Send it again",
        )
    )


def bug_fault() -> Fault:
    """The answer when we failed in a way that nobody foresaw; the log has the details."""
    return fault_of(
        XinfError(
            ErrorCode.INTERNAL,
            cause="xinf failed in a way that it did not foresee",
            next_step="The details are in its log",
        )
    )


def raw_answer(response: web.Response) -> bytes:
    """`response` as bytes, for where there is no request to answer."""
    assert isinstance(response.body, bytes)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(response.body)),
        "Connection": "close",
        **{name: value for name, value in response.headers.items() if name.startswith("x-")},
    }
    head = [f"HTTP/1.1 {response.status} {response.reason}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, "", ""]).encode() + response.body


def _first_line(error: BaseException | None) -> str:
    # A parser error's further lines draw the place of the mistake; the first says what it is.
    text = error.message if isinstance(error, HttpProcessingError) else str(error)
    line = text.partition("\n")[0].strip().rstrip(":.")
    return line[:200] or type(error).__name__
