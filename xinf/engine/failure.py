"""How a request ends when its engine does not answer it to the end."""

from __future__ import annotations

from xinf.core.errors import ErrorCode
from xinf.protocol.messages import pb


class EngineFailure(Exception):
    """`code` is a name from core.errors. `retryable`: another replica may well answer it."""

    def __init__(
        self, code: str, message: str, *, param: str = "", retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retryable = retryable


def refused(failed: pb.Failed) -> EngineFailure:
    """What the engine's side said about this one request."""
    return EngineFailure(
        failed.code, failed.message, param=failed.param, retryable=failed.retryable
    )


def lost(why: str) -> EngineFailure:
    """The engine, or the way to it, is gone, and with it every request on it."""
    message = f"The engine was lost: {why}." if why else "The engine was lost."
    return EngineFailure(ErrorCode.ENGINE_FAILED, message, retryable=True)
