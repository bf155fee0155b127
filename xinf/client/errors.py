"""What can go wrong between a command and the daemon, as errors for users."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from pydantic import TypeAdapter, ValidationError

from xinf.core.errors import ErrorCode, XinfError


@dataclass(frozen=True, slots=True)
class _Error:
    message: str
    code: str | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True)
class _Envelope:
    error: _Error = field()


_ENVELOPE = TypeAdapter(_Envelope)


def error_from(status: int, body: bytes) -> XinfError:
    """The error that the daemon raised, from the envelope that it was sent in."""
    try:
        told = _ENVELOPE.validate_json(body).error
    except ValidationError:
        return unreadable(f"status {status} without an error in the body")
    # A newer daemon may know codes that this client does not.
    known = told.code in {code.value for code in ErrorCode}
    code = ErrorCode(told.code) if known else ErrorCode.INTERNAL
    return XinfError(code, cause=told.message, param=told.param)


def not_running(socket: Path, error: Exception) -> XinfError:
    """Nobody listens, or whoever listened has gone away."""
    if isinstance(error, PermissionError) or (
        isinstance(error, aiohttp.ClientConnectorError)
        and isinstance(error.os_error, PermissionError)
    ):
        return XinfError(
            ErrorCode.NOT_RUNNING,
            thing=f"socket {socket}",
            cause="it belongs to an xinf of another user",
            next_step="Start your own with `xinf up`",
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return XinfError(
            ErrorCode.NOT_RUNNING,
            cause=f"xinf is not running (nobody listens on {socket})",
            next_step="Start it with `xinf up`",
        )
    return XinfError(
        ErrorCode.NOT_RUNNING,
        cause="xinf ended before it had answered",
        next_step="Start it again with `xinf up`",
    )


def timed_out(socket: Path, seconds: float) -> XinfError:
    return XinfError(
        ErrorCode.TIMED_OUT,
        thing="xinf",
        cause=f"it did not answer within {seconds:g} s on {socket}",
        next_step="Look at its log, or end it with Ctrl-C and start it again",
    )


def unreadable(detail: str) -> XinfError:
    return XinfError(
        ErrorCode.INTERNAL,
        thing="answer of the running xinf",
        cause=f"it cannot be understood: {detail}",
        next_step="Is it of another version? Restart it with `xinf down` and `xinf up`",
    )
