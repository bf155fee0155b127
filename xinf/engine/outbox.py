"""What one session has to say to its engine: commands first, then request bodies in fair turns.

A long prompt goes out 64 KiB at a time, one piece of each request after another, so that it delays
neither a cancel nor a short prompt behind it.
"""

from __future__ import annotations

import asyncio
from collections import deque

from xinf.protocol.frames import FRAME_BYTES_MAX, MESSAGE_BYTES_MAX
from xinf.protocol.messages import pb


class _Upload:
    """A body that is under way."""

    __slots__ = ("at", "body", "request")

    def __init__(self, request: int, body: bytes) -> None:
        self.request = request
        self.body = body
        self.at = 0

    def next_frame(self) -> pb.ClientFrame:
        piece = self.body[self.at : self.at + FRAME_BYTES_MAX]
        self.at += len(piece)
        return pb.ClientFrame(
            request=self.request, body=pb.Body(data=piece, last=self.at >= len(self.body))
        )


class Outbox:
    """One task takes; anyone on the loop may fill."""

    def __init__(self) -> None:
        self._commands: deque[pb.ClientFrame] = deque()
        self._uploads: deque[_Upload] = deque()
        self._filled = asyncio.Event()

    @property
    def has_any(self) -> bool:
        return bool(self._commands or self._uploads)

    def command(self, frame: pb.ClientFrame) -> None:
        self._commands.append(frame)
        self._filled.set()

    def upload(self, request: int, body: bytes) -> None:
        self._uploads.append(_Upload(request, body))
        self._filled.set()

    def drop_upload(self, request: int) -> None:
        """Nobody wants the rest of this body to arrive any more."""
        self._uploads = deque(each for each in self._uploads if each.request != request)

    async def next_message(self) -> pb.SessionRequest:
        """Everything that there is to say now, up to a full message; waits for something."""
        while not self.has_any:
            self._filled.clear()
            await self._filled.wait()
        frames = list(self._commands)
        self._commands.clear()
        size = 0
        while self._uploads and size + FRAME_BYTES_MAX <= MESSAGE_BYTES_MAX:
            upload = self._uploads.popleft()
            frame = upload.next_frame()
            frames.append(frame)
            size += len(frame.body.data)
            if not frame.body.last:
                self._uploads.append(upload)
        return pb.SessionRequest(frames=frames)
