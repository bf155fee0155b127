"""A whole answer, put together from the pieces of a stream."""

from __future__ import annotations

import json
from typing import Any

from xinf.shim.backends.base import Usage
from xinf.shim.backends.llamacpp.pieces import usage_json


class WholeAnswer:
    """Collects pieces of a chat completion, or of a completion."""

    def __init__(self) -> None:
        self._frame: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def add(self, payload: bytes) -> None:
        piece: dict[str, Any] = json.loads(payload)
        self._frame = {key: value for key, value in piece.items() if key != "choices"}
        for part in piece["choices"]:
            choice = self._choices.setdefault(part["index"], _empty(part))
            if "delta" in part:
                _add_delta(choice["message"], part["delta"])
            else:
                choice["text"] += part["text"]
            _add_logprobs(choice, part.get("logprobs"))
            choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]

    def finish(self, usage: Usage) -> bytes:
        """The answer's JSON."""
        kind = str(self._frame.get("object", "")).removesuffix(".chunk")
        choices = [self._choices[index] for index in sorted(self._choices)]
        for choice in choices:
            message = choice.get("message", {})
            if message.get("tool_calls") and not message["content"]:
                message["content"] = None
        whole = {**self._frame, "object": kind, "choices": choices, "usage": usage_json(usage)}
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _empty(part: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {"text": ""}
    if "delta" in part:
        content = {"message": {"role": "assistant", "content": ""}}
    return {"index": part["index"], **content, "logprobs": None, "finish_reason": None}


def _add_delta(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for key in ("content", "reasoning_content", "refusal"):
        if delta.get(key):
            message[key] = message.get(key, "") + delta[key]
    parts: list[dict[str, Any]] = delta.get("tool_calls") or []
    for part in parts:
        calls: list[dict[str, Any]] = message.setdefault("tool_calls", [])
        index: int = part["index"]
        while len(calls) <= index:
            calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        calls[index]["id"] += part.get("id") or ""
        function: dict[str, str] = calls[index]["function"]
        told: dict[str, str | None] = part.get("function") or {}
        for key, text in told.items():
            function[key] = function.get(key, "") + (text or "")


def _add_logprobs(choice: dict[str, Any], logprobs: dict[str, Any] | None) -> None:
    if logprobs is None:
        return
    known: dict[str, list[Any]] = choice["logprobs"] or {}
    for key, entries in logprobs.items():
        known[key] = known.get(key, []) + (entries or [])
    choice["logprobs"] = known
