"""What the gateway itself must know of an OpenAI request; all else is the engine's business.

Fields that nobody here knows are ignored, as clients send many. Fields that everybody knows are
checked for their JSON type, so that a mistake is named before it meets any engine; their values are
not judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.json import JsonObject, JsonValue

# Longer ones are not names of conversations, and would only be carried around.
SESSION_KEY_CHARS_MAX = 256


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gateway reads of a request; `model` may be an alias."""

    model: str
    is_stream: bool
    session_key: str


_NUMBER = "a number"
_STRING = "a string"
_BOOLEAN = "true or false"
_OBJECT = "an object"
_ARRAY = "an array"
_COMMON = {
    "stream": (_BOOLEAN,),
    "stream_options": (_OBJECT,),
    "temperature": (_NUMBER,),
    "top_p": (_NUMBER,),
    "n": (_NUMBER,),
    "max_tokens": (_NUMBER,),
    "seed": (_NUMBER,),
    "frequency_penalty": (_NUMBER,),
    "presence_penalty": (_NUMBER,),
    "stop": (_STRING, _ARRAY),
    "logit_bias": (_OBJECT,),
    "user": (_STRING,),
}
CHAT_FIELDS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        **_COMMON,
        "max_completion_tokens": (_NUMBER,),
        "logprobs": (_BOOLEAN,),
        "top_logprobs": (_NUMBER,),
        "tools": (_ARRAY,),
        "tool_choice": (_STRING, _OBJECT),
        "response_format": (_OBJECT,),
    }
)
COMPLETION_FIELDS: Mapping[str, Sequence[str]] = MappingProxyType(
    {**_COMMON, "prompt": (_STRING, _ARRAY), "logprobs": (_NUMBER,), "echo": (_BOOLEAN,)}
)
EMBEDDING_FIELDS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "input": (_STRING, _ARRAY),
        "encoding_format": (_STRING,),
        "dimensions": (_NUMBER,),
        "user": (_STRING,),
    }
)
ENCODINGS = ("float", "base64")


def parse_chat(body: JsonObject) -> Asked:
    """Check a body of /v1/chat/completions. Raises MISSING_PARAMETER or INVALID_TYPE."""
    asked = _parse_common(body, CHAT_FIELDS)
    _check_messages(_required(body, "messages", "the conversation so far"))
    return asked


def parse_completion(body: JsonObject) -> Asked:
    """Check a body of /v1/completions. Raises MISSING_PARAMETER or INVALID_TYPE."""
    asked = _parse_common(body, COMPLETION_FIELDS)
    _required(body, "prompt", "the text to go on from")
    return asked


def parse_embedding(body: JsonObject) -> Asked:
    """Check a body of /v1/embeddings. Raises MISSING_PARAMETER, INVALID_TYPE or INVALID_VALUE."""
    asked = _parse_common(body, EMBEDDING_FIELDS)
    _check_input(_required(body, "input", "the text, or list of texts, to embed"))
    encoding, dimensions = body.get("encoding_format"), body.get("dimensions")
    if encoding is not None and encoding not in ENCODINGS:
        raise _wrong_value("encoding_format", f"it must be {' or '.join(ENCODINGS)}")
    if dimensions is not None and not (isinstance(dimensions, int) and dimensions > 0):
        raise _wrong_value("dimensions", "it must be a whole number of at least 1")
    return Asked(asked.model, is_stream=False, session_key=asked.session_key)


def _check_input(value: JsonValue) -> None:
    """A text, texts, the tokens of one text, or of several; nothing of it empty."""
    if not value:
        raise _wrong_value("input", "it must not be empty")
    if isinstance(value, str):
        return
    assert isinstance(value, Sequence)
    kinds = {_input_kind(item, f"input[{index}]") for index, item in enumerate(value)}
    if len(kinds) > 1:
        raise _wrong_value("input", f"it must not mix {' and '.join(sorted(kinds))}")


def _input_kind(item: JsonValue, place: str) -> str:
    if isinstance(item, str):
        kind = "texts"
    elif _is_token(item):
        return "tokens"
    elif isinstance(item, Sequence) and all(map(_is_token, item)):
        kind = "lists of tokens"
    else:
        raise XinfError(
            ErrorCode.INVALID_TYPE,
            thing=place,
            cause="it must be a string, a token (a whole number) or an array of tokens",
            param=place,
        )
    if not item:
        raise _wrong_value(place, "it must not be empty")
    return kind


def _is_token(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _parse_common(body: JsonObject, fields: Mapping[str, Sequence[str]]) -> Asked:
    model = _required(body, "model", "the name of a model, see GET /v1/models")
    if not isinstance(model, str):
        raise _wrong_type("model", model, (_STRING,))
    for name, allowed in fields.items():
        value = body.get(name)
        if value is not None and _type_name(value) not in allowed:
            raise _wrong_type(name, value, allowed)
    return Asked(model, body.get("stream") is True, _session_key(body))


def _check_messages(messages: JsonValue) -> None:
    if isinstance(messages, str) or not isinstance(messages, Sequence):
        raise _wrong_type("messages", messages, (_ARRAY,))
    if not messages:
        raise _wrong_value("messages", "it must have at least one message")
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if not isinstance(message, Mapping):
            raise _wrong_type(place, message, (_OBJECT,))
        role = _required(message, "role", "who says it", place)
        if not isinstance(role, str):
            raise _wrong_type(f"{place}.role", role, (_STRING,))
        content = message.get("content")
        if content is not None and _type_name(content) not in (_STRING, _ARRAY):
            raise _wrong_type(f"{place}.content", content, (_STRING, _ARRAY))


def _session_key(body: JsonObject) -> str:
    """What ties the turns of one conversation, where the client says it."""
    for name in ("prompt_cache_key", "user"):
        value = body.get(name)
        if isinstance(value, str) and 0 < len(value) <= SESSION_KEY_CHARS_MAX:
            return value
    return ""


def _required(body: JsonObject, name: str, what: str, place: str = "") -> JsonValue:
    value = body.get(name)
    if value is None:
        param = f"{place}.{name}" if place else name
        raise XinfError(
            ErrorCode.MISSING_PARAMETER, thing=param, cause=f"it is required: {what}", param=param
        )
    return value


def _wrong_type(param: str, value: JsonValue, allowed: Sequence[str]) -> XinfError:
    return XinfError(
        ErrorCode.INVALID_TYPE,
        thing=param,
        cause=f"it must be {' or '.join(allowed)}, not {_type_name(value)}",
        param=param,
    )


def _wrong_value(param: str, cause: str) -> XinfError:
    return XinfError(ErrorCode.INVALID_VALUE, thing=param, cause=cause, param=param)


def _type_name(value: JsonValue) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return _BOOLEAN
    if isinstance(value, int | float):
        return _NUMBER
    if isinstance(value, str):
        return _STRING
    return _OBJECT if isinstance(value, Mapping) else _ARRAY
