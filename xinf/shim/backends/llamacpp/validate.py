"""What a request must look like before llama.cpp sees it.

llama.cpp takes roles that nobody has, ignores what it cannot use, and answers some mistakes of the
client as its own. So the shape of everything that it reads is checked here, in OpenAI's words.
Fields that are unknown stay: llama.cpp has many of its own, and clients send many more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from xinf.shim.backends.base import RequestFailed
from xinf.shim.backends.llamacpp.fields import CHAT_FIELDS, COMPLETION_FIELDS, Field
from xinf.shim.backends.refusals import invalid_type, invalid_value, missing, read_object

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
RESPONSE_FORMATS = ("text", "json_object", "json_schema")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that may go to the engine: what to send it, and how to answer."""

    body: dict[str, Any]
    stream: bool
    include_usage: bool
    choices: int


def read_chat(data: bytes, parallel: int) -> Asked:
    """A body of /v1/chat/completions. Raises RequestFailed."""
    body = read_object(data)
    _check_fields(body, CHAT_FIELDS)
    messages = _required(body, "messages")
    if not isinstance(messages, list):
        raise invalid_type("messages", "an array of objects", messages)
    if not messages:
        raise invalid_value("messages", "it must hold at least one message, but is empty")
    for index, message in enumerate(cast("list[object]", messages)):
        _check_message(message, f"messages[{index}]")
    _check_format(body.get("response_format"))
    return _asked(body, parallel)


def read_completion(data: bytes, parallel: int) -> Asked:
    """A body of /v1/completions. Raises RequestFailed."""
    body = read_object(data)
    _check_fields(body, COMPLETION_FIELDS)
    prompt = _required(body, "prompt")
    if not isinstance(prompt, str | list):
        raise invalid_type("prompt", "a string, or an array of strings or tokens", prompt)
    if body.get("echo") or body.get("suffix"):
        param = "echo" if body.get("echo") else "suffix"
        raise RequestFailed("unsupported", f"llama.cpp has no '{param}'.", param=param)
    return _asked(body, parallel)


def check_tool_choice(body: Mapping[str, object], template_has_tools: bool) -> None:
    """Tools that are merely offered may be ignored; one that must be called may not."""
    choice = body.get("tool_choice")
    if not template_has_tools and choice not in (None, "auto", "none"):
        message = "This model's chat template has no place for tools, so none can be required."
        raise RequestFailed("unsupported", message, param="tool_choice")


def _required(body: Mapping[str, object], name: str) -> object:
    value = body.get(name)
    if value is None:
        raise missing(name)
    return value


def _asked(body: dict[str, Any], parallel: int) -> Asked:
    choices = int(body.get("n") or 1)
    if choices > parallel:
        raise invalid_value("n", f"this engine gives at most {parallel} choices, not {choices}")
    options: dict[str, Any] = body.pop("stream_options", None) or {}
    stream = bool(body.get("stream"))
    return Asked(
        body={**body, "stream": True, "return_progress": True, "timings_per_token": False},
        stream=stream,
        include_usage=stream and bool(options.get("include_usage")),
        choices=choices,
    )


def _check_fields(body: Mapping[str, object], fields: Mapping[str, Field]) -> None:
    for name, value in body.items():
        field = fields.get(name)
        if field is None or value is None:
            continue
        if not field.fits_type(value):
            raise invalid_type(name, field.wanted, value)
        why = field.problem(value)
        if why:
            raise invalid_value(name, why)
    options = cast("Mapping[str, object]", body.get("stream_options") or {})
    wants = options.get("include_usage")
    if wants is not None and not isinstance(wants, bool):
        raise invalid_type("stream_options.include_usage", "a boolean", wants)


def _check_message(message: object, at: str) -> None:
    if not isinstance(message, dict):
        raise invalid_type(at, "an object", message)
    fields = cast("dict[str, object]", message)
    role = fields.get("role")
    if role is None:
        raise missing(f"{at}.role")
    if not isinstance(role, str):
        raise invalid_type(f"{at}.role", "a string", role)
    if role not in ROLES:
        raise invalid_value(f"{at}.role", f"{role!r} is none of {', '.join(ROLES)}")
    _check_content(fields.get("content"), role, "content" in fields, f"{at}.content")
    calls = fields.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise invalid_type(f"{at}.tool_calls", "an array of objects", calls)


def _check_content(content: object, role: str, is_given: bool, at: str) -> None:
    if content is None and role == "assistant":
        return
    if not is_given:
        raise missing(at)
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise invalid_type(at, "a string or an array of objects", content)
    for index, part in enumerate(cast("list[object]", content)):
        _check_part(part, f"{at}[{index}]")


def _check_part(part: object, at: str) -> None:
    if not isinstance(part, dict):
        raise invalid_type(at, "an object", part)
    fields = cast("dict[str, object]", part)
    kind = fields.get("type")
    if kind is None:
        raise missing(f"{at}.type")
    if kind != "text":
        message = f"This model reads text only: a content part of type {kind!r} is not supported."
        raise RequestFailed("unsupported", message, param=f"{at}.type")
    if "text" not in fields:
        raise missing(f"{at}.text")
    if not isinstance(fields["text"], str):
        raise invalid_type(f"{at}.text", "a string", fields["text"])


def _check_format(wanted: object) -> None:
    if wanted is None:
        return
    kind = cast("dict[str, object]", wanted).get("type")
    if kind is None:
        raise missing("response_format.type")
    if kind not in RESPONSE_FORMATS:
        known = ", ".join(RESPONSE_FORMATS)
        raise invalid_value("response_format.type", f"{kind!r} is none of {known}")
