"""What a client asks for, checked. Fields that a simulated engine has no use for are ignored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from xinf.shim.backends.base import RequestFailed
from xinf.shim.backends.sim.fields import Fields, wrong_type, wrong_value

Json: TypeAlias = Mapping[str, Any]

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
STOPS_MAX = 16

# What /v1/completions makes when nobody says how much.
COMPLETION_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `answer_max` None = as much as fits. `prompt` is text or ready token ids."""

    prompt: str | tuple[int, ...]
    prompt_field: str
    model: str
    answer_max: int | None
    stops: tuple[str, ...]
    stream: bool
    include_usage: bool
    ignore_end: bool


def read_body(body: bytes) -> Json:
    """Raises RequestFailed."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestFailed("invalid_json", "The request body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise RequestFailed("invalid_type", "The request body must be a JSON object.")
    return cast("Json", value)


def chat(body: Json) -> Asked:
    """A chat completion. Raises RequestFailed."""
    fields = Fields(body)
    messages = fields.array("messages")
    if not messages:
        raise wrong_value("messages", "expected at least one message")
    turns = [_turn(f"messages[{index}]", each) for index, each in enumerate(messages)]
    limit = fields.integer("max_completion_tokens", 1)
    if limit is None:
        limit = fields.integer("max_tokens", 1)
    if fields.flag("logprobs"):
        raise _unsupported("logprobs")
    return _asked(fields, "".join(turns) + "<|assistant|>", "messages", limit)


def completion(body: Json) -> Asked:
    """A plain completion. Raises RequestFailed."""
    fields = Fields(body)
    if body.get("logprobs") is not None:
        raise _unsupported("logprobs")
    if fields.flag("echo"):
        raise _unsupported("echo")
    limit = fields.integer("max_tokens", 1)
    prompt = _prompt(fields.required("prompt"))
    return _asked(fields, prompt, "prompt", COMPLETION_TOKENS if limit is None else limit)


def _asked(
    fields: Fields, prompt: str | tuple[int, ...], prompt_field: str, limit: int | None
) -> Asked:
    if fields.integer("n", 1) not in (None, 1):
        raise _unsupported("n", "more than one choice")
    for name, low, high in (("temperature", 0, 2), ("top_p", 0, 1)):
        fields.number(name, low, high)
    options = fields.object("stream_options")
    return Asked(
        prompt=prompt,
        prompt_field=prompt_field,
        model=fields.text("model"),
        answer_max=limit,
        stops=_stops(fields.value("stop")),
        stream=fields.flag("stream"),
        include_usage=Fields(options, "stream_options.").flag("include_usage"),
        ignore_end=fields.flag("ignore_eos"),
    )


def _turn(param: str, message: Any) -> str:
    if not isinstance(message, dict):
        raise wrong_type(param, "an object", message)
    fields = Fields(cast("Json", message), f"{param}.")
    role = fields.required("role")
    if not isinstance(role, str):
        raise wrong_type(f"{param}.role", "a string", role)
    if role not in ROLES:
        raise wrong_value(f"{param}.role", f"expected one of {', '.join(ROLES)}")
    return f"<|{role}|>{_content(f'{param}.content', fields.value('content'))}\n"


def _content(param: str, content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong_type(param, "a string or an array of parts", content)
    parts = cast("list[Any]", content)
    return "".join(_part(f"{param}[{index}]", part) for index, part in enumerate(parts))


def _part(param: str, part: Any) -> str:
    if not isinstance(part, dict):
        raise wrong_type(param, "an object", part)
    fields = Fields(cast("Json", part), f"{param}.")
    if fields.text("type") not in ("text", "input_text", "refusal"):
        raise _unsupported(f"{param}.type", "content other than text")
    return fields.text("text")


def _prompt(value: Any) -> str | tuple[int, ...]:
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if items and all(type(item) is int and 0 <= item < 2**32 for item in items):
            return tuple(items)
        if len(items) != 1:
            raise _unsupported("prompt", "several prompts in one request")
        value = items[0]
    if not isinstance(value, str):
        raise wrong_type("prompt", "a string or an array of token ids", value)
    return value


def _stops(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    if len(items) > STOPS_MAX:
        raise wrong_value("stop", f"expected at most {STOPS_MAX} strings")
    for item in items:
        if not isinstance(item, str):
            raise wrong_type("stop", "a string or an array of strings", item)
    return tuple(item for item in items if item)


def _unsupported(param: str, what: str = "") -> RequestFailed:
    message = f"The simulated engine does not support {what or param}."
    return RequestFailed("unsupported", message, param=param)
