"""Server-sent events: whole ones, whatever pieces the engine's bytes come in."""

from __future__ import annotations

import json
from collections.abc import Mapping

SSE_HEADERS: Mapping[str, str] = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    # Some proxies collect an answer before they pass it on, unless told not to.
    "X-Accel-Buffering": "no",
}
# An event longer than this is passed on in pieces: holding more back would cost memory for every
# stream, and no engine writes a token event anywhere near it.
EVENT_BYTES_MAX = 1 << 20
_ENDS = (b"\n\n", b"\r\n\r\n")


class EventRelay:
    """Passes bytes on up to the last complete event and keeps the rest back.

    So that an answer which breaks off never ends in half an event, and an error event can follow.
    """

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes) -> bytes:
        """What may be sent now; often all of it."""
        if self._kept:
            data = self._kept + data
        if data.endswith(_ENDS) or len(data) > EVENT_BYTES_MAX:
            self._kept = b""
            return data
        end = max(data.rfind(b"\n\n") + 2, data.rfind(b"\r\n\r\n") + 4)
        if end < 4:  # neither was found: rfind's -1 gives 1 and 3
            self._kept = data
            return b""
        self._kept = data[end:]
        return data[:end]

    def rest(self) -> bytes:
        """What was kept back, at the orderly end of the answer."""
        return self._kept


def comment(text: str) -> bytes:
    """A line that clients ignore, to keep the connection alive."""
    return f": {' '.join(text.split())}\n\n".encode()


def event(value: object) -> bytes:
    """One event with `value` as JSON."""
    return f"data: {json.dumps(value)}\n\n".encode()
