"""Answers in OpenAI's words: whole, or as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xinf.shim.backends.base import Usage

DONE = b"data: [DONE]\n\n"
JSON_TYPE = "application/json"
EVENT_TYPE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Style:
    """One answer's fixed parts; `is_chat` chooses between the two endpoints' shapes."""

    is_chat: bool
    id: str
    created: int
    model: str
    include_usage: bool

    def first(self) -> bytes:
        """The chunk that a chat begins with; completions have none."""
        if not self.is_chat:
            return b""
        return self._event([self._choice({"role": "assistant", "content": ""}, None)])

    def piece(self, text: str) -> bytes:
        choice = self._choice({"content": text} if self.is_chat else text, None)
        return self._event([choice])

    def last(self, reason: str, usage: Usage) -> bytes:
        """The chunk with the reason, the one with the usage if asked for, and the mark."""
        end = self._event([self._choice({} if self.is_chat else "", reason)])
        counts = self._event([], usage) if self.include_usage else b""
        return end + counts + DONE

    def whole(self, text: str, reason: str, usage: Usage) -> bytes:
        kind = "message" if self.is_chat else "text"
        content = {"role": "assistant", "content": text} if self.is_chat else text
        choice = {"index": 0, kind: content, "logprobs": None, "finish_reason": reason}
        answer = self._frame("", [choice]) | {"usage": _usage(usage)}
        return json.dumps(answer).encode()

    def _choice(self, content: Mapping[str, str] | str, reason: str | None) -> dict[str, Any]:
        kind = "delta" if self.is_chat else "text"
        return {"index": 0, kind: content, "logprobs": None, "finish_reason": reason}

    def _event(self, choices: list[dict[str, Any]], usage: Usage | None = None) -> bytes:
        event = self._frame(".chunk", choices)
        if self.include_usage:
            event["usage"] = _usage(usage) if usage is not None else None
        return b"data: %b\n\n" % json.dumps(event).encode()

    def _frame(self, chunk: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        kind = f"chat.completion{chunk}" if self.is_chat else "text_completion"
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
