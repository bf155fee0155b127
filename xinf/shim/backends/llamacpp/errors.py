"""From what llama.cpp says to xinf's names for what went wrong, and whose fault it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from xinf.shim.backends.base import RequestFailed

# llama.cpp names the field that its JSON reader stumbled over.
_FIELD = re.compile(r"Field '(?P<name>[^']+)': (?P<why>.*)", re.DOTALL)
# "[json.exception.type_error.302] type must be number, but is string"
_JSON_NOISE = re.compile(r"\[json\.exception\.[a-z_.]+\d+\] ?")


def refusal(status: int, error: Mapping[str, object], param: str) -> RequestFailed:
    """A refusal before the answer began. `param` is where the prompt stands in the body.

    llama.cpp answers 500 where a chat template, a schema or a field could not be used: at this
    point nothing has been computed, so it is the request that is at fault.
    """
    kind, message = _kind(error), _message(error)
    if kind == "exceed_context_size_error":
        return too_long(error, param)
    if kind == "not_supported_error" or status == 501 or "not supported" in message:
        return RequestFailed("unsupported", message)
    if kind == "unavailable_error" or status in (429, 503):
        return RequestFailed("engine_failed", message, retryable=True)
    if "json.exception.parse_error" in str(error.get("message")):
        return RequestFailed("invalid_json", f"The request body is not valid JSON: {message}")
    found = _FIELD.match(message)
    if found:
        code = "invalid_type" if "type must be" in found["why"] else "invalid_value"
        sentence = f"Invalid value for '{found['name']}': {found['why']}"
        return RequestFailed(code, sentence, param=found["name"])
    return RequestFailed("invalid_request", message)


def breakdown(error: Mapping[str, object], param: str) -> RequestFailed:
    """An error inside a stream: computing failed, unless it was the prompt's length."""
    if _kind(error) == "exceed_context_size_error":
        return too_long(error, param)
    code = error.get("code")
    if isinstance(code, int) and 400 <= code < 500:
        return refusal(code, error, param)
    return RequestFailed("engine_failed", f"llama.cpp failed: {_message(error)}", retryable=True)


def too_long(error: Mapping[str, object], param: str) -> RequestFailed:
    context, tokens = error.get("n_ctx"), error.get("n_prompt_tokens")
    message = (
        f"This model's maximum context length is {context} tokens. "
        f"However, your {param} resulted in {tokens} tokens. "
        f"Please reduce the length of the {param}."
    )
    return RequestFailed("context_length_exceeded", message, param=param)


def error_of(answer: object) -> Mapping[str, object]:
    """The error object in an answer that should hold one."""
    if isinstance(answer, dict):
        fields = cast("dict[str, object]", answer)
        error = fields.get("error", fields)
        if isinstance(error, dict):
            return cast("dict[str, object]", error)
    return {"message": str(answer)}  # pyright: ignore[reportUnknownArgumentType]


def _kind(error: Mapping[str, object]) -> str:
    return str(error.get("type") or "")


def _message(error: Mapping[str, object]) -> str:
    text = str(error.get("message") or "llama.cpp refused the request without a reason")
    text = _JSON_NOISE.sub("", text).strip()
    return text if text.endswith((".", "!", "?")) else text + "."
