"""What one client may cost. Bytes and seconds."""

from __future__ import annotations

from dataclasses import dataclass

# A request line or a header; long enough for any cookie or token that a browser carries along.
LINE_BYTES_MAX = 16 * 1024
HEADERS_MAX = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on slow and large requests. `idle_s` is how long a silent connection is kept open."""

    body_bytes: int
    header_s: float
    body_s: float
    write_s: float
    # Longer than the clients' pools keep one, so that they are the ones who close.
    idle_s: float = 75.0
