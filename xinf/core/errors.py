"""Every error a user can meet, as data: what it is called and how each surface shows it.

An error names the thing, the cause and the next step. Gateway and CLI render the same value; nobody
else decides a status or an exit code. Programmer errors are not here: they assert and crash.

Exit codes (design.md §8): 0 fine, 1 failed, 2 usage, 3 not running, 4 not found, 5 timed out.
HTTP types and codes follow OpenAI's, because clients branch on them: agents compact a conversation
on `context_length_exceeded`, SDKs retry 408, 409, 429 and 5xx unless `x-should-retry` says no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ErrorCode(StrEnum):
    # A request that is wrong
    INVALID_REQUEST = "invalid_request"
    INVALID_JSON = "invalid_json"
    INVALID_TYPE = "invalid_type"
    INVALID_VALUE = "invalid_value"
    MISSING_PARAMETER = "missing_required_parameter"
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    UNSUPPORTED = "unsupported"
    MODEL_NOT_FOUND = "model_not_found"
    UNKNOWN_URL = "unknown_url"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TOO_LARGE = "request_too_large"
    HEADERS_TOO_LARGE = "headers_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    REQUEST_TIMEOUT = "request_timeout"
    FORBIDDEN_HOST = "forbidden_host"
    FORBIDDEN_ORIGIN = "forbidden_origin"
    # A service that cannot answer now
    QUEUE_FULL = "rate_limit_exceeded"
    MODEL_LOADING = "model_loading"
    MODEL_OFF = "model_off"
    MODEL_FAILED = "model_failed"
    ENGINE_FAILED = "engine_failed"
    ENGINE_DRAINING = "engine_draining"
    SLOW_READER = "slow_reader"
    CANCELLED = "cancelled"
    SHUTTING_DOWN = "shutting_down"
    INTERNAL = "internal_error"
    # The machine or the installation
    CONFIG_INVALID = "config_invalid"
    NOT_RUNNING = "not_running"
    ALREADY_RUNNING = "already_running"
    IN_USE = "in_use"
    NOT_FOUND = "not_found"
    TIMED_OUT = "timed_out"
    PORT_IN_USE = "port_in_use"
    DISK_FULL = "disk_full"
    NO_NETWORK = "no_network"
    SOURCE_INVALID = "source_invalid"
    RUNTIME_UNAVAILABLE = "runtime_unavailable"
    DOES_NOT_FIT = "does_not_fit"
    STORE_NEWER = "store_newer"
    STORE_CORRUPT = "store_corrupt"
    STORE_UNAVAILABLE = "store_unavailable"
    ENGINE_INCOMPATIBLE = "engine_incompatible"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """How one code is shown: HTTP status, OpenAI `type`, CLI exit code, whether to try again."""

    status: int
    type: str
    exit_code: int = 1
    retryable: bool = False


_REQUEST = "invalid_request_error"
_SERVER = "server_error"
_C = ErrorCode

KINDS: Mapping[ErrorCode, ErrorKind] = MappingProxyType(
    {
        _C.INVALID_REQUEST: ErrorKind(400, _REQUEST, 2),
        _C.INVALID_JSON: ErrorKind(400, _REQUEST, 2),
        _C.INVALID_TYPE: ErrorKind(400, _REQUEST, 2),
        _C.INVALID_VALUE: ErrorKind(400, _REQUEST, 2),
        _C.MISSING_PARAMETER: ErrorKind(400, _REQUEST, 2),
        _C.CONTEXT_LENGTH_EXCEEDED: ErrorKind(400, _REQUEST),
        _C.UNSUPPORTED: ErrorKind(400, _REQUEST),
        _C.MODEL_NOT_FOUND: ErrorKind(404, _REQUEST, 4),
        _C.UNKNOWN_URL: ErrorKind(404, _REQUEST, 4),
        _C.METHOD_NOT_ALLOWED: ErrorKind(405, _REQUEST),
        _C.REQUEST_TOO_LARGE: ErrorKind(413, _REQUEST),
        _C.HEADERS_TOO_LARGE: ErrorKind(431, _REQUEST),
        _C.UNSUPPORTED_MEDIA_TYPE: ErrorKind(415, _REQUEST),
        _C.REQUEST_TIMEOUT: ErrorKind(408, _REQUEST, 5),
        _C.FORBIDDEN_HOST: ErrorKind(403, "permission_error"),
        _C.FORBIDDEN_ORIGIN: ErrorKind(403, "permission_error"),
        _C.QUEUE_FULL: ErrorKind(429, "rate_limit_error", retryable=True),
        _C.MODEL_LOADING: ErrorKind(503, _SERVER, 5, retryable=True),
        _C.MODEL_OFF: ErrorKind(503, _SERVER),
        _C.MODEL_FAILED: ErrorKind(503, _SERVER),
        _C.ENGINE_FAILED: ErrorKind(500, _SERVER, retryable=True),
        _C.ENGINE_DRAINING: ErrorKind(503, _SERVER, retryable=True),
        _C.SLOW_READER: ErrorKind(408, _REQUEST),
        _C.CANCELLED: ErrorKind(499, _REQUEST),
        _C.SHUTTING_DOWN: ErrorKind(503, _SERVER, 3, retryable=True),
        _C.INTERNAL: ErrorKind(500, _SERVER),
        _C.CONFIG_INVALID: ErrorKind(400, _REQUEST, 2),
        _C.NOT_RUNNING: ErrorKind(503, _SERVER, 3),
        _C.ALREADY_RUNNING: ErrorKind(409, _REQUEST),
        _C.IN_USE: ErrorKind(409, _REQUEST),
        _C.NOT_FOUND: ErrorKind(404, _REQUEST, 4),
        _C.TIMED_OUT: ErrorKind(504, _SERVER, 5, retryable=True),
        _C.PORT_IN_USE: ErrorKind(409, _SERVER),
        _C.DISK_FULL: ErrorKind(507, _SERVER),
        _C.NO_NETWORK: ErrorKind(503, _SERVER, retryable=True),
        _C.SOURCE_INVALID: ErrorKind(400, _REQUEST, 2),
        _C.RUNTIME_UNAVAILABLE: ErrorKind(503, _SERVER),
        _C.DOES_NOT_FIT: ErrorKind(507, _SERVER),
        _C.STORE_NEWER: ErrorKind(500, _SERVER),
        _C.STORE_CORRUPT: ErrorKind(500, _SERVER),
        _C.STORE_UNAVAILABLE: ErrorKind(503, _SERVER, retryable=True),
        _C.ENGINE_INCOMPATIBLE: ErrorKind(500, _SERVER),
    }
)


class XinfError(Exception):
    """An error for a user. Its sentence is `thing: cause. next_step.`, its parts stay available."""

    def __init__(
        self,
        code: ErrorCode,
        *,
        thing: str = "",
        cause: str,
        next_step: str = "",
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(sentence(thing, cause, next_step))
        self.code = code
        self.thing = thing
        self.cause = cause
        self.next_step = next_step
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def kind(self) -> ErrorKind:
        return KINDS[self.code]


def sentence(thing: str, cause: str, next_step: str) -> str:
    """`thing: cause. next_step.` without what is empty; full stops are added where missing.

    A command at the very end stays without one, to be copied.
    """
    parts = [part for part in (f"{thing}: {cause}" if thing else cause, next_step) if part]
    *before, last = parts
    return " ".join([*(_stopped(part) for part in before), _stopped(last, unless="`")])


def _stopped(text: str, unless: str = "") -> str:
    ends = (".", "!", "?", *unless)
    return text if text.endswith(ends) else text + "."
