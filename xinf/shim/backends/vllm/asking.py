"""A request's body, looked at once before vLLM sees it.

vLLM checks nearly everything itself. Here is what it takes although it should not, what it calls by
names of its own Python types, and the two changes that are made to a body: every alias of the model
becomes the one name that vLLM knows, and a stream always ends with its usage.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from xinf.shim.backends.refusals import invalid_type, invalid_value, missing, read_object

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"

# Where the prompt stands in a body; it must be there.
PROMPTS: Mapping[str, str] = {CHAT: "messages", COMPLETIONS: "prompt", EMBEDDINGS: "input"}
# What vLLM takes in its place.
INSTEAD: Mapping[str, tuple[str, ...]] = {"prompt": ("prompt_embeds",), "input": ("messages",)}
STREAMING = (CHAT, COMPLETIONS)
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


@dataclass(frozen=True, slots=True)
class Asked:
    """`body` is for vLLM. `model` is the client's name for it, "" where that is vLLM's own.

    `hides_usage`: the client did not ask for the usage at the end of its stream.
    """

    body: bytes
    model: str = ""
    hides_usage: bool = False


def read(endpoint: str, data: bytes, served_name: str) -> Asked:
    """Raises RequestFailed. Takes some 5 ms for 256 KiB."""
    body = read_object(data)
    _check_prompt(body, PROMPTS[endpoint])
    changes: dict[str, Any] = {}
    model = body.get("model")
    if isinstance(model, str) and model not in ("", served_name):
        changes["model"] = served_name
    hides_usage = endpoint in STREAMING and _streams_without_usage(body)
    if hides_usage:
        changes["stream_options"] = {**_options(body), "include_usage": True}
    return Asked(
        body=json.dumps(body | changes).encode() if changes else data,
        model=str(model) if "model" in changes else "",
        hides_usage=hides_usage,
    )


def _check_prompt(body: Mapping[str, object], param: str) -> None:
    prompt = body.get(param)
    if prompt is None and any(name in body for name in INSTEAD.get(param, ())):
        return
    if prompt is None:
        raise missing(param)
    if not isinstance(prompt, list) and (param == "messages" or not isinstance(prompt, str)):
        wanted = "an array of objects" if param == "messages" else "a string or an array"
        raise invalid_type(param, wanted, prompt)
    if prompt == []:
        raise invalid_value(param, "it must hold at least one entry, but is empty")
    if param == "messages":
        for index, message in enumerate(cast("list[object]", prompt)):
            _check_message(message, f"{param}[{index}]")


def _check_message(message: object, at: str) -> None:
    if not isinstance(message, dict):
        raise invalid_type(at, "an object", message)
    fields = cast("dict[str, object]", message)
    role, content = fields.get("role"), fields.get("content")
    if role is None:
        raise missing(f"{at}.role")
    if not isinstance(role, str):
        raise invalid_type(f"{at}.role", "a string", role)
    if role not in ROLES:
        raise invalid_value(f"{at}.role", f"{role!r} is none of {', '.join(ROLES)}")
    if content is not None and not isinstance(content, str | list):
        raise invalid_type(f"{at}.content", "a string or an array of objects", content)
    if content is None and role != "assistant":
        raise missing(f"{at}.content")


def _streams_without_usage(body: Mapping[str, object]) -> bool:
    stream = body.get("stream")
    # vLLM takes "yes" for true.
    if stream is not None and not isinstance(stream, bool):
        raise invalid_type("stream", "a boolean", stream)
    return bool(stream) and not _options(body).get("include_usage")


def _options(body: Mapping[str, object]) -> dict[str, object]:
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise invalid_type("stream_options", "an object", options)
    known = cast("dict[str, object]", options or {})
    # Without usage at the end there is none in between either, whatever this says.
    return {name: value for name, value in known.items() if name != "continuous_usage_stats"}
