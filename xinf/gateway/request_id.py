"""The name of one request, in its answer's headers and wherever it is spoken of."""

from __future__ import annotations

import re
import secrets

REQUEST_ID = "x-request-id"
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
