"""llama.cpp's stream, as OpenAI's API would send it.

Nearly every event is one token and passes as the bytes it came as: measured, that is a twentieth of
the cost of reading and writing its JSON. Only the few that hold something else are opened; a key
is recognized by its quotes, which inside a string are always escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from xinf.shim.backends.base import Usage
from xinf.shim.backends.llamacpp.account import Counted
from xinf.shim.backends.llamacpp.errors import breakdown, error_of

SPECIAL = re.compile(rb'"(?:prompt_progress|timings|usage|error)":|"delta":\{"role":')
DONE = b"[DONE]"
GAP = b"\n\n"


class Pieces:
    """One stream, cut into the payloads of its events. Feed it what the connection gives."""

    def __init__(self, param: str, choices: int, counted: Counted) -> None:
        self._param = param
        self._choices = choices
        self._counted = counted
        self._rest = b""
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._completion_tokens = 0
        self._frame: dict[str, Any] = {}
        self.is_done = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that are complete now, cleaned. Raises RequestFailed."""
        *events, self._rest = (self._rest + data).split(GAP)
        for event in events:
            payload = event.strip()
            if payload.startswith(b":") or not payload:
                continue  # a sign of life without content
            kind, _, content = payload.partition(b":")
            if kind == b"error":
                raise breakdown(error_of(json.loads(content)), self._param)
            yield from self._payload(content.lstrip())

    @property
    def usage(self) -> Usage:
        """What was used; exact once the stream is done. `n` choices share one prompt."""
        return Usage(
            prompt_tokens=self._prompt_tokens // self._choices,
            completion_tokens=self._completion_tokens,
            cached_tokens=self._cached_tokens // self._choices,
        )

    def usage_piece(self) -> bytes:
        """The last piece of a stream whose reader asked for usage."""
        return _dump({**self._frame, "choices": [], "usage": usage_json(self.usage)})

    def _payload(self, payload: bytes) -> Iterator[bytes]:
        if payload == DONE:
            self.is_done = True
        elif SPECIAL.search(payload):
            yield from self._opened(json.loads(payload))
        else:
            self._counted.piece()
            yield payload

    def _opened(self, piece: dict[str, Any]) -> Iterator[bytes]:
        if "error" in piece or "choices" not in piece:
            raise breakdown(error_of(piece), self._param)
        if "prompt_progress" in piece:
            self._counted.prefill(int(piece["prompt_progress"]["processed"]))
            return
        timings: dict[str, int] | None = piece.pop("timings", None)
        piece.pop("usage", None)
        self._frame = {key: value for key, value in piece.items() if key != "choices"}
        for choice in piece["choices"]:
            if "delta" in choice and choice["delta"].get("content", "") is None:
                choice["delta"]["content"] = ""
            if timings and choice.get("finish_reason"):
                self._tally(timings)
        if piece["choices"]:
            yield _dump(piece)

    def _tally(self, timings: dict[str, int]) -> None:
        self._prompt_tokens += timings["cache_n"] + timings["prompt_n"]
        self._cached_tokens += timings["cache_n"]
        self._completion_tokens += timings["predicted_n"]


def usage_json(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _dump(piece: dict[str, Any]) -> bytes:
    return json.dumps(piece, ensure_ascii=False, separators=(",", ":")).encode()
