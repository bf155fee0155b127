"""The data path to one engine: every request over one stream.

One task writes, because gRPC allows one write in flight; one task reads and hands each frame to
its request. When the stream ends, for whatever reason, every open request fails at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from grpc import aio

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.requests import ExecutionContext
from xinf.engine.channel import EngineChannel
from xinf.engine.failure import EngineFailure, lost
from xinf.engine.load import EngineLoad, load_of
from xinf.engine.outbox import Outbox
from xinf.engine.stream import Data, EngineStream, EngineUsage, Head
from xinf.protocol.frames import CREDIT_BYTES
from xinf.protocol.messages import pb
from xinf.protocol.service import INCOMPATIBLE, named_code
from xinf.protocol.tasks import Tasks
from xinf.protocol.version import PROTOCOL_VERSION

if TYPE_CHECKING:
    from grpc.aio import StreamStreamCall

__all__ = ["Data", "EngineSession", "EngineStream", "EngineUsage", "Head", "open_session"]

# A ready engine welcomes in milliseconds.
WELCOME_S = 5.0

# The engine keeps the deadline of a request; should it hang, the request ends here this much later.
DEADLINE_SLACK_S = 1.0


@asynccontextmanager
async def open_session(channel: EngineChannel, epoch: int) -> AsyncGenerator[EngineSession]:
    """Hold the engine's data path for the block; a holder with a lower epoch loses it.

    Raises XinfError: ENGINE_FAILED when it cannot be had (also: a higher epoch was there before),
    ENGINE_INCOMPATIBLE when the engine speaks another protocol.
    """
    call = channel.open_stream()
    session = EngineSession(call)
    try:
        async with Tasks() as tasks:
            tasks.start(session.read(), "engine session reader")
            tasks.start(session.write(), "engine session writer")
            await session.enter(epoch, f"engine at {channel.address}")
            try:
                yield session
            finally:
                session.end("the session was closed")
    finally:
        call.cancel()


class EngineSession:
    """Owner of the streams of one session. Made by `open_session` alone."""

    def __init__(self, call: StreamStreamCall[pb.SessionRequest, pb.SessionResponse]) -> None:
        loop = asyncio.get_running_loop()
        self.load: EngineLoad | None = None
        self.instance = ""
        self._call = call
        self._outbox = Outbox()
        self._streams: dict[int, EngineStream] = {}
        self._numbers = count(1)
        self._welcomed: asyncio.Future[None] = loop.create_future()
        self._closed = asyncio.Event()
        self._code = ErrorCode.ENGINE_FAILED
        self._why = ""

    @asynccontextmanager
    async def submit(
        self, context: ExecutionContext, body: bytes, *, deadline_s: float
    ) -> AsyncGenerator[EngineStream]:
        """Ask; leaving the block early cancels the request in the engine.

        `deadline_s` is for the whole answer; 0 = none. A session that is over raises EngineFailure.
        """
        if self.is_closed:
            raise lost(self._why)
        number = next(self._numbers)
        stream = EngineStream(partial(self._give_credit, number))
        self._streams[number] = stream
        net = _catch_late(stream, deadline_s)
        self._outbox.command(pb.ClientFrame(request=number, open=_opening(context, deadline_s)))
        self._outbox.upload(number, body)
        try:
            yield stream
        finally:
            if net is not None:
                net.cancel()
            self._release(number)

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    @property
    def open_streams(self) -> int:
        return len(self._streams)

    async def wait_closed(self) -> None:
        await self._closed.wait()

    # For open_session

    async def enter(self, epoch: int, thing: str) -> None:
        """Say hello and wait to be welcomed. Raises XinfError."""
        hello = pb.Hello(protocol=PROTOCOL_VERSION, epoch=epoch)
        self._outbox.command(pb.ClientFrame(hello=hello))
        late = f"no welcome within {WELCOME_S:g} s"
        net = asyncio.get_running_loop().call_later(WELCOME_S, self.end, late)
        try:
            await self._welcomed
        finally:
            net.cancel()
        if self.is_closed:
            raise XinfError(self._code, thing=thing, cause=self._why)

    async def read(self) -> None:
        """Hand out what the engine says until it says no more."""
        try:
            async for message in self._call:
                self._receive(message)
        except aio.AioRpcError as error:
            if named_code(error) == INCOMPATIBLE:
                self._code = ErrorCode.ENGINE_INCOMPATIBLE
            self.end(error.details() or error.code().name.lower())
            return
        self.end("it closed the session")

    async def write(self) -> None:
        """Send what there is to say; a stream that ended is the reader's news."""
        with suppress(aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                await self._call.write(await self._outbox.next_message())

    def end(self, why: str) -> None:
        """Fail every open request, now and from now on. The first reason stands."""
        if self.is_closed:
            return
        self._why = why
        self._closed.set()
        if not self._welcomed.done():
            self._welcomed.set_result(None)
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.fail(lost(why))

    # Parts

    def _receive(self, message: pb.SessionResponse) -> None:
        if message.HasField("load"):
            self.load = load_of(message.load)
        for frame in message.frames:
            kind = frame.WhichOneof("frame")
            stream = self._streams.get(frame.request)
            if stream is not None:
                if kind in _LAST:
                    del self._streams[frame.request]
                    self._outbox.drop_upload(frame.request)
                stream.receive(kind, frame)
            elif kind == "welcome" and not self._welcomed.done():
                self.instance = frame.welcome.instance
                self._welcomed.set_result(None)

    def _give_credit(self, number: int, amount: int) -> None:
        if number in self._streams:
            credit = pb.Credit(bytes=amount)
            self._outbox.command(pb.ClientFrame(request=number, credit=credit))

    def _release(self, number: int) -> None:
        if self._streams.pop(number, None) is not None:
            self._outbox.drop_upload(number)
            self._outbox.command(pb.ClientFrame(request=number, cancel=pb.Cancel()))


_LAST = ("end", "failed")


def _opening(context: ExecutionContext, deadline_s: float) -> pb.Open:
    return pb.Open(
        endpoint=context.endpoint,
        id=context.request_id,
        priority=context.priority,
        deadline_seconds=deadline_s,
        session_key=context.session_key,
        credit=CREDIT_BYTES,
    )


def _catch_late(stream: EngineStream, deadline_s: float) -> asyncio.TimerHandle | None:
    """The net under the engine's own deadline."""
    if not deadline_s:
        return None
    message = f"The engine did not answer within {deadline_s:g} s."
    failure = EngineFailure(ErrorCode.TIMED_OUT, message, retryable=True)
    loop = asyncio.get_running_loop()
    return loop.call_later(deadline_s + DEADLINE_SLACK_S, stream.fail, failure)
