"""One Session stream: frames of many requests in, one message of answers out per loop turn.

Two tasks: the reader takes the gateway's frames and never waits for an engine; the writer is the
only one that writes to the stream, because gRPC allows one write in flight. When the stream ends,
for whatever reason, every request that it brought ends with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from grpc import StatusCode

from xinf.protocol.messages import pb
from xinf.protocol.service import INCOMPATIBLE, STALE_EPOCH, TAKEN_OVER
from xinf.protocol.tasks import Tasks
from xinf.protocol.version import mismatch
from xinf.shim.backends.base import RequestFailed
from xinf.shim.limits import Limits
from xinf.shim.outbox import Outbox
from xinf.shim.seat import Seat, StaleEpoch
from xinf.shim.work import Request, Work

Write: TypeAlias = Callable[[pb.SessionResponse], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a session ended, as gRPC tells it; `code` is the name that goes with it."""

    status: StatusCode
    details: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all sessions of one shim have in common."""

    instance: str
    work: Work
    seat: Seat
    limits: Limits
    load: Callable[[], pb.Load]


class Refused(Exception):
    """The gateway broke the protocol or may not come in."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.details)
        self.ended = ended


class Session:
    """Owner of one stream and of the requests that came over it."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._outbox = Outbox(shared.limits)
        self._requests: dict[int, Request] = {}
        self._epoch = 0
        self._over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._load_due_at = 0.0

    async def run(self, messages: AsyncIterator[pb.SessionRequest], write: Write) -> Ended:
        """Until the gateway leaves, breaks the protocol, or `finish` is called."""
        try:
            async with Tasks() as tasks:
                reader = tasks.start(self._read(messages), "session reader")
                writer = tasks.start(self._write(write), "session writer")
                ends = {reader, writer, self._over}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if not self._over.done():
                    return reader.result() if reader.done() else _left()
                self._outbox.close()
                await asyncio.wait({writer}, timeout=self._shared.limits.flush_seconds)
                return self._over.result()
        finally:
            self._release()

    def finish(self, ended: Ended) -> None:
        """End the stream from this side, after what can still be written at once."""
        if not self._over.done():
            self._over.set_result(ended)

    # Outwards

    async def _write(self, write: Write) -> None:
        while await self._outbox.wait():
            frames = self._outbox.take()
            if frames:
                await write(self._message(frames))

    def _message(self, frames: list[pb.ServerFrame]) -> pb.SessionResponse:
        message = pb.SessionResponse(frames=frames)
        now = asyncio.get_running_loop().time()
        if now >= self._load_due_at:
            message.load.CopyFrom(self._shared.load())
            self._load_due_at = now + self._shared.limits.load_interval_seconds
        return message

    # Inwards

    async def _read(self, messages: AsyncIterator[pb.SessionRequest]) -> Ended:
        try:
            async for message in messages:
                for frame in message.frames:
                    self._receive(frame)
        except Refused as refusal:
            return refusal.ended
        return _left()

    def _receive(self, frame: pb.ClientFrame) -> None:
        kind = frame.WhichOneof("frame")
        if not self._epoch:
            if kind != "hello":
                raise _broke("a session begins with hello")
            self._take_seat(frame.hello)
        elif kind == "open":
            self._open(frame.request, frame.open)
        elif (request := self._requests.get(frame.request)) is None:
            pass  # It ended while this frame was under way.
        elif kind == "body":
            request.feed(frame.body.data, frame.body.last)
        elif kind == "credit":
            request.lane.add_credit(frame.credit.bytes)
        elif kind == "cancel":
            request.cancel()

    def _take_seat(self, hello: pb.Hello) -> None:
        if problem := mismatch(hello.protocol):
            raise Refused(Ended(StatusCode.FAILED_PRECONDITION, problem, INCOMPATIBLE))
        try:
            self._shared.seat.take(hello.epoch, self._evict)
        except StaleEpoch as stale:
            raise Refused(Ended(StatusCode.FAILED_PRECONDITION, str(stale), STALE_EPOCH)) from None
        self._epoch = hello.epoch
        welcome = pb.Welcome(instance=self._shared.instance, epoch=hello.epoch)
        self._outbox.announce(pb.ServerFrame(welcome=welcome))

    def _open(self, number: int, opening: pb.Open) -> None:
        if number == 0 or number in self._requests:
            raise _broke(f"request {number} was opened, which is taken")
        lane = self._outbox.lane(number, opening.credit)
        if len(self._requests) >= self._shared.limits.open_requests:
            message = f"This engine has {len(self._requests)} requests open already."
            lane.fail(RequestFailed("rate_limit_exceeded", message, retryable=True))
            return
        request = self._shared.work.open(opening, lane, partial(self._gone, number))
        if request is not None:
            self._requests[number] = request
        self._load_due_at = 0.0

    def _gone(self, number: int) -> None:
        self._requests.pop(number, None)
        self._load_due_at = 0.0

    # The end

    def _evict(self, epoch: int) -> None:
        details = f"a gateway with epoch {epoch} took this engine over"
        self.finish(Ended(StatusCode.ABORTED, details, TAKEN_OVER))
        self._release()

    def _release(self) -> None:
        self._shared.seat.leave(self._epoch)
        for request in tuple(self._requests.values()):
            request.abandon()


def _left() -> Ended:
    return Ended(StatusCode.OK)


def _broke(details: str) -> Refused:
    return Refused(Ended(StatusCode.INVALID_ARGUMENT, details))
