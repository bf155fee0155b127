"""One request without a session: the same work and the same lane, with nobody to ask for credit."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from xinf.protocol.messages import pb
from xinf.shim.backends.base import RequestFailed
from xinf.shim.limits import Limits
from xinf.shim.outbox import Outbox
from xinf.shim.work import Work

# More than any answer: gRPC's own flow control is the brake here.
_CREDIT = 2**62


@dataclass(frozen=True, slots=True)
class Ask:
    """An unary call: `id`, the API path, the body as it came, and whether to stream."""

    id: str
    endpoint: str
    body: bytes
    stream: bool = False


async def answer_bytes(work: Work, limits: Limits, ask: Ask) -> AsyncGenerator[bytes]:
    """The answer as it comes; leaving early ends the work. Raises RequestFailed."""
    outbox = Outbox(limits)
    lane = outbox.lane(1, _CREDIT)
    opening = pb.Open(endpoint=ask.endpoint, id=ask.id)
    request = work.open(opening, lane, lambda: None)
    try:
        if request is not None:
            request.feed(_with_stream(ask.body, ask.stream), last=True)
        while await outbox.wait():
            for frame in outbox.take():
                if frame.HasField("data"):
                    yield frame.data.data
                elif frame.HasField("failed"):
                    raise _failure(frame.failed)
                elif frame.HasField("end"):
                    return
    finally:
        if request is not None:
            request.abandon()


async def whole_answer(work: Work, limits: Limits, ask: Ask) -> bytes:
    """The answer in one piece. Raises RequestFailed."""
    answer = bytearray()
    async with aclosing(answer_bytes(work, limits, ask)) as pieces:
        async for data in pieces:
            answer += data
            if len(answer) > limits.unary_answer_bytes:
                message = f"The answer is longer than {limits.unary_answer_bytes} bytes: stream it."
                raise RequestFailed("unsupported", message)
    return bytes(answer)


def _with_stream(body: bytes, stream: bool) -> bytes:
    """`body` asking for what the RPC gives; one that is no object is the backend's to refuse."""
    try:
        asked: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not isinstance(asked, dict):
        return body
    return json.dumps(cast("dict[str, Any]", asked) | {"stream": stream}).encode()


def _failure(failed: pb.Failed) -> RequestFailed:
    return RequestFailed(
        failed.code, failed.message, param=failed.param, retryable=failed.retryable
    )
