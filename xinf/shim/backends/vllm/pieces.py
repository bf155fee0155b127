"""vLLM's answers, as the client of xinf is to see them.

Each event passes as the bytes it came as; only the few that matter are opened. A key is recognized
by its quotes, which inside a string are always escaped.
"""

from __future__ import annotations

import json
from typing import Any, cast

from xinf.shim.backends.base import Usage

ERROR = b'data: {"error"'
DATA = b"data: "
DONE = b"data: [DONE]"
USAGE = b'"usage":'
NO_CHOICES = b'"choices":[]'

_READER = json.JSONDecoder()


def usage_in(data: bytes) -> Usage | None:
    """The token counts that an answer, or a piece of one, tells."""
    at = data.rfind(USAGE)
    if at < 0:
        return None
    told: object = _READER.raw_decode(data[at + len(USAGE) :].decode(errors="replace").lstrip())[0]
    if not isinstance(told, dict):
        return None
    counts = cast("dict[str, Any]", told)
    details: dict[str, Any] = counts.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=counts.get("prompt_tokens") or 0,
        completion_tokens=counts.get("completion_tokens") or 0,
        cached_tokens=details.get("cached_tokens") or 0,
    )


def is_usage_piece(event: bytes) -> bool:
    """Whether `event` of a stream is the one at its end that holds the usage and nothing else."""
    return NO_CHOICES in event and USAGE in event


class Renaming:
    """Gives an answer the name that its client asked for."""

    def __init__(self, served_name: str, asked: str) -> None:
        self._from = _model(served_name)
        self._to = _model(asked) if asked else self._from

    def __call__(self, data: bytes) -> bytes:
        # The first one is the answer's own: what the model says comes after it.
        return data if self._from == self._to else data.replace(self._from, self._to, 1)


def _model(name: str) -> bytes:
    return b'"model":' + json.dumps(name, ensure_ascii=False).encode()
