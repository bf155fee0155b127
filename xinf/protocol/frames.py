"""How bytes are cut for the wire, and the limits that both sides keep.

All requests share one stream, so no message may be long: a frame carries at most 64 KiB of one
request, a message at most 1 MiB of all of them, and requests take turns frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterator

KIB = 1024

# At 1 GB/s over a Unix socket a frame passes in 64 us: nobody notices waiting for another's.
FRAME_BYTES_MAX = 64 * KIB

# 16 full frames: enough to batch a step of every request, short enough to stay responsive.
MESSAGE_BYTES_MAX = 16 * FRAME_BYTES_MAX

# What an answer may be ahead of its reader on the way to it: some 1,000 streamed chunks.
CREDIT_BYTES = 256 * KIB

# The gateway bounds bodies first (server.body_limit, 32 MiB by default); this bounds the shim.
REQUEST_BYTES_MAX = 64 * 1024 * KIB


def split(data: bytes, limit: int = FRAME_BYTES_MAX) -> Iterator[bytes]:
    """`data` in order, in pieces of at most `limit` bytes; one empty piece if there is none."""
    if len(data) <= limit:
        yield data
        return
    for start in range(0, len(data), limit):
        yield data[start : start + limit]
