"""One request's way out: answer bytes wait here until the reader has credit for them.

A lane is the Answer that a backend writes to. Without credit its bytes merge up to a cap; at the
cap the writer waits, and if nothing moves for the stall limit the request fails as slow_reader.
Only this one request waits: other lanes go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from xinf.protocol.frames import FRAME_BYTES_MAX
from xinf.protocol.messages import pb
from xinf.shim.backends.base import RequestFailed, Usage
from xinf.shim.limits import Limits


class Lane:
    """State of one answer. `wake` is called when there may be a new frame to take.

    `on_gone` is called once, when the last frame was taken or the lane was dropped.
    """

    def __init__(
        self, request: int, credit: int, limits: Limits, wake: Callable[[Lane], None]
    ) -> None:
        self.request = request
        self.is_queued = False
        self.on_gone: Callable[[], None] | None = None
        self._credit = credit
        self._limits = limits
        self._wake = wake
        self._content_type: str | None = None
        self._pending = bytearray()
        self._ending: pb.End | pb.Failed | None = None
        self._is_gone = False
        self._room: asyncio.Future[None] | None = None

    # The backend's side

    def head(self, content_type: str) -> None:
        self._content_type = content_type
        self._wake(self)

    async def write(self, data: bytes) -> None:
        if self._is_gone or self._ending is not None:
            return
        self._pending += data
        self._wake(self)
        if len(self._pending) > self._limits.pending_bytes:
            await self._wait_for_room()

    def end(self, usage: Usage) -> None:
        """The answer is complete; nothing is written after this."""
        self._ending = pb.End(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
        )
        self._wake(self)

    def fail(self, failure: RequestFailed) -> None:
        """The answer ends here; what the reader has credit for is delivered before the news."""
        self._ending = pb.Failed(
            code=failure.code,
            message=failure.message,
            param=failure.param,
            retryable=failure.retryable,
        )
        self._wake(self)

    async def _wait_for_room(self) -> None:
        self._room = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._limits.stall_seconds):
                await self._room
        except TimeoutError:
            held = len(self._pending)
            raise RequestFailed(
                "slow_reader",
                f"The reader took nothing for {self._limits.stall_seconds:.0f} s "
                f"while {held} bytes of its answer waited.",
            ) from None
        finally:
            self._room = None

    # The reader's side

    def add_credit(self, amount: int) -> None:
        self._credit += amount
        self._wake(self)

    @property
    def has_frame(self) -> bool:
        """Whether `next_frame` has something to say now."""
        if self._is_gone:
            return False
        if self._content_type is not None:
            return True
        if self._pending and self._credit > 0:
            return True
        # A failure does not wait for credit that may never come; a good end follows all its bytes.
        is_failed = isinstance(self._ending, pb.Failed)
        return self._ending is not None and (is_failed or not self._pending)

    def next_frame(self) -> pb.ServerFrame:
        """The next frame in order; `has_frame` must hold."""
        frame = pb.ServerFrame(request=self.request)
        if self._content_type is not None:
            frame.head.status = 200
            frame.head.content_type = self._content_type
            self._content_type = None
        elif self._pending and self._credit > 0:
            frame.data.data = self._take_bytes()
        elif isinstance(self._ending, pb.End):
            frame.end.CopyFrom(self._ending)
            self.drop()
        else:
            assert self._ending is not None
            frame.failed.CopyFrom(self._ending)
            self.drop()
        return frame

    def drop(self) -> None:
        """Forget what was not taken; nobody reads this lane any more."""
        self._is_gone = True
        self._pending.clear()
        self._open_room()
        gone, self.on_gone = self.on_gone, None
        if gone is not None:
            gone()

    def _take_bytes(self) -> bytes:
        size = min(len(self._pending), self._credit, FRAME_BYTES_MAX)
        data = bytes(self._pending[:size])
        del self._pending[:size]
        self._credit -= size
        if len(self._pending) <= self._limits.pending_bytes:
            self._open_room()
        return data

    def _open_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
