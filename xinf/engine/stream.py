"""One request's answer as its consumer takes it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from xinf.engine.failure import EngineFailure, refused
from xinf.protocol.frames import CREDIT_BYTES
from xinf.protocol.messages import pb

# Credit goes back in half windows: the engine never waits for it while its reader keeps up, and a
# stream of small chunks costs one frame per 128 KiB.
CREDIT_BACK_BYTES = CREDIT_BYTES // 2


@dataclass(frozen=True, slots=True)
class Head:
    """The engine has accepted the request."""

    status: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Data:
    """More of the answer; where it is cut means nothing."""

    data: bytes


@dataclass(frozen=True, slots=True)
class EngineUsage:
    """Token counts; 0 where the engine did not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class EngineStream:
    """Iterate: a Head, then Data, and the end; or an EngineFailure at any point.

    Filled by the session, taken by one consumer. `usage` is known after the end.
    """

    def __init__(self, give_credit: Callable[[int], None]) -> None:
        self.usage = EngineUsage()
        self._give_credit = give_credit
        self._head: Head | None = None
        self._pieces: deque[bytes] = deque()
        self._taken = 0
        self._is_over = False
        self._failure: EngineFailure | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the engine has said its last word about this request."""
        return self._is_over

    def __aiter__(self) -> EngineStream:
        return self

    async def __anext__(self) -> Head | Data:
        while True:
            if self._head is not None:
                head, self._head = self._head, None
                return head
            if self._pieces:
                return Data(self._take())
            if self._is_over:
                break
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    # The session's side

    def receive(self, kind: str | None, frame: pb.ServerFrame) -> None:
        """A frame of this request; `kind` is which one."""
        if kind == "data":
            self._pieces.append(frame.data.data)
        elif kind == "head":
            self._head = Head(frame.head.status, frame.head.content_type)
        elif kind == "end":
            end = frame.end
            self.usage = EngineUsage(end.prompt_tokens, end.completion_tokens, end.cached_tokens)
            self._is_over = True
        elif kind == "failed":
            self.fail(refused(frame.failed))
        self._wake()

    def fail(self, failure: EngineFailure) -> None:
        """The end, after what has arrived already was taken."""
        if not self._is_over:
            self._failure, self._is_over = failure, True
            self._wake()

    def _take(self) -> bytes:
        # A slow consumer finds many pieces: joined they cost it one turn.
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._taken += len(data)
        if self._taken >= CREDIT_BACK_BYTES and not self._is_over:
            self._give_credit(self._taken)
            self._taken = 0
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
