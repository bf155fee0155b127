"""What every answer carries: the name of its request, and who answered."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from types import MappingProxyType

REQUEST_ID = "x-request-id"
# Instead of aiohttp's own, which names every version that is in use here.
SERVED_BY: Mapping[str, str] = MappingProxyType({"Server": "xinf"})
# What may be repeated in a header, a log line and a shell without harm. 128 leaves room for any
# tracing scheme in use.
_SANE = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def request_id(offered: str | None) -> str:
    """The client's own id if it is harmless, else a new one."""
    if offered is not None and _SANE.fullmatch(offered):
        return offered
    return mint_request_id()


def mint_request_id() -> str:
    """A new id, unique for all practical purposes."""
    return f"req_{secrets.token_hex(12)}"
