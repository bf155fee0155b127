"""Everything that one stream has to say, taken in fair turns.

Lanes with a frame to send stand in a ring. `take` goes round it, one frame a lane, until the
message is full or nobody has anything: a long answer cannot hold up a short one, and all that
happened in one turn of the event loop leaves in one message.
"""

from __future__ import annotations

import asyncio
from collections import deque

from xinf.protocol.frames import FRAME_BYTES_MAX, MESSAGE_BYTES_MAX
from xinf.protocol.messages import pb
from xinf.shim.lane import Lane
from xinf.shim.limits import Limits


class Outbox:
    """Owner of the lanes of one stream. One task takes; anyone on the loop may fill."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._ring: deque[Lane] = deque()
        self._announcements: deque[pb.ServerFrame] = deque()
        self._filled = asyncio.Event()
        self._is_closed = False

    def lane(self, request: int, credit: int) -> Lane:
        return Lane(request, credit, self._limits, self._enqueue)

    def announce(self, frame: pb.ServerFrame) -> None:
        """Say something of the session itself, before anything else."""
        self._announcements.append(frame)
        self._filled.set()

    def take(self) -> list[pb.ServerFrame]:
        """One message's worth of frames; empty if nobody has anything to say. Never waits."""
        frames = list(self._announcements)
        self._announcements.clear()
        size = 0
        while self._ring and size + FRAME_BYTES_MAX <= MESSAGE_BYTES_MAX:
            lane = self._ring.popleft()
            lane.is_queued = False
            if not lane.has_frame:
                continue
            frame = lane.next_frame()
            size += frame.ByteSize()
            frames.append(frame)
            self._enqueue(lane)
        return frames

    async def wait(self) -> bool:
        """Until there may be something to take (True), or the outbox is closed (False)."""
        while not self._has_any and not self._is_closed:
            self._filled.clear()
            await self._filled.wait()
        return self._has_any

    def close(self) -> None:
        """No more waiting: `wait` returns at once, with what is still there to take."""
        self._is_closed = True
        self._filled.set()

    @property
    def _has_any(self) -> bool:
        return bool(self._ring or self._announcements)

    def _enqueue(self, lane: Lane) -> None:
        if lane.has_frame and not lane.is_queued:
            lane.is_queued = True
            self._ring.append(lane)
            self._filled.set()
