"""Errors as HTTP: OpenAI's envelope, the status from the error table, and when to come again.

`message`, `type`, `param` and `code` are always there. SDKs retry 408, 409, 429 and 5xx by
themselves; `x-should-retry` tells them where that is in vain.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from xinf.core.errors import KINDS, ErrorCode, ErrorKind, XinfError
from xinf.engine.failure import EngineFailure
from xinf.gateway.request_id import REQUEST_ID, SERVED_BY

_RETRIED_BY_SDKS = frozenset({408, 409, 429})


@dataclass(frozen=True, slots=True)
class Fault:
    """What any surface shows of an error."""

    code: ErrorCode
    message: str
    param: str | None = None
    is_retryable: bool = False
    retry_after_s: float | None = None

    @property
    def kind(self) -> ErrorKind:
        return KINDS[self.code]

    def envelope(self) -> dict[str, dict[str, str | int | None]]:
        """The body of the answer."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind.type,
                "param": self.param,
                "code": str(self.code),
            }
        }


def fault_of(error: XinfError | EngineFailure) -> Fault:
    """`error` as a surface shows it; a code that the table does not have is our own fault."""
    if isinstance(error, XinfError):
        retryable = error.kind.retryable
        return Fault(error.code, str(error), error.param, retryable, error.retry_after_s)
    try:
        code = ErrorCode(error.code)
    except ValueError:
        code = ErrorCode.INTERNAL
    return Fault(code, error.message, error.param or None, error.retryable)


def error_response(fault: Fault, request_id: str, *, with_exit_code: bool = False) -> web.Response:
    """The whole answer for `fault`."""
    envelope = fault.envelope()
    if with_exit_code:
        envelope["error"]["exit_code"] = fault.kind.exit_code
    return web.Response(
        status=fault.kind.status,
        body=json.dumps(envelope).encode(),
        content_type="application/json",
        headers={REQUEST_ID: request_id, **SERVED_BY, **_retry_headers(fault)},
    )


def _retry_headers(fault: Fault) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    status = fault.kind.status
    if status in _RETRIED_BY_SDKS or status >= 500:
        headers["x-should-retry"] = "true" if fault.is_retryable else "false"
    if fault.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(fault.retry_after_s))
    return headers
