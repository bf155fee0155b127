"""What vLLM's refusals mean in xinf's error table."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from xinf.shim.backends.base import RequestFailed
from xinf.shim.backends.refusals import missing
from xinf.shim.backends.vllm.asking import PROMPTS

_CONTEXT = re.compile(r"maximum\s+context length (?:is |of |\()(?P<tokens>\d+)", re.IGNORECASE)
# vLLM appends these to the text of its own exceptions.
_EXTRAS = re.compile(r" \((?:parameter=\w+)?(?:, )?(?:value=.*)?\)$", re.DOTALL)
_BY_STATUS: Mapping[int, str] = MappingProxyType(
    {
        404: "model_not_found",
        405: "unsupported",
        413: "request_too_large",
        429: "rate_limit_exceeded",
        501: "unsupported",
        503: "rate_limit_exceeded",
    }
)
# What FastAPI says of a path that the app does not have.
NO_ROUTE = "Not Found"
# vLLM names its command line, which nobody here sees.
NO_PARSER = "requires --enable-auto-tool-choice"
TOOLS_OFF = (
    "This model was started without a tool parser: set `enable_auto_tool_choice` and "
    "`tool_call_parser` in its engine_args."
)
TEXT_MAX = 500


def broken_stream(body: bytes, endpoint: str) -> RequestFailed:
    """An error inside a stream; its status stands in it."""
    try:
        status = int(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        status = 500
    return refusal(status, body, endpoint)


def refusal(status: int, body: bytes, endpoint: str) -> RequestFailed:
    """What vLLM answered with another status than 200."""
    message, param = _told(body)
    if status == 404 and message == NO_ROUTE:
        return RequestFailed("unsupported", f"This model has no endpoint '{endpoint}'.")
    if NO_PARSER in message:
        return RequestFailed("unsupported", TOOLS_OFF, param="tools")
    if found := _CONTEXT.search(message):
        return _too_long(message, found["tokens"], PROMPTS.get(endpoint, param))
    if code := _BY_STATUS.get(status):
        is_full = code == "rate_limit_exceeded"
        return RequestFailed(code, _sentence(message), param=param, retryable=is_full)
    if 400 <= status < 500:
        return _wrong(message, param)
    return RequestFailed("engine_failed", f"vLLM failed on this request: {_sentence(message)}")


def _too_long(message: str, tokens: str, param: str) -> RequestFailed:
    begin = f"This model's maximum context length is {tokens} tokens."
    text = message if message.startswith(begin) else f"{begin} {message}"
    return RequestFailed("context_length_exceeded", _sentence(text), param=param)


def _wrong(message: str, param: str) -> RequestFailed:
    """A request that vLLM, or pydantic for it, does not take."""
    details = _details(message)
    if details is None:
        code = "invalid_value" if param else "invalid_request"
        return RequestFailed(code, _sentence(message), param=param)
    kind, said = str(details.get("type")), str(details.get("msg"))
    if kind == "missing":
        return missing(param)
    if kind == "json_invalid":
        return RequestFailed("invalid_json", f"The request body is not valid JSON: {said}.")
    said = _sentence(re.sub(r"^(Value|Assertion) error, ", "", said))
    code = "invalid_type" if kind.endswith(("_type", "_parsing")) else "invalid_value"
    return RequestFailed(code, f"Invalid value for '{param}': {said}", param=param)


def _details(message: str) -> Mapping[str, Any] | None:
    """The first of vLLM's validation errors, which it prints as Python; None if it told none."""
    head, _, rest = message.partition("\n")
    if "validation error" not in head:
        return None
    try:
        entry: object = ast.literal_eval(rest.strip().partition("\n")[0])
    except (ValueError, SyntaxError):
        return {"msg": rest.strip()}
    return cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}


def _told(body: bytes) -> tuple[str, str]:
    """Message and parameter: `{"error": {...}}`, `{"message"...}` or FastAPI's `{"detail"...}`."""
    try:
        told = _fields(json.loads(body))
    except ValueError:
        return body.decode(errors="replace")[:TEXT_MAX], ""
    error = _fields(told.get("error")) or told
    message = str(error.get("message") or error.get("detail") or told.get("error") or "")
    return _EXTRAS.sub("", message), _param(str(error.get("param") or ""))


def _fields(value: object) -> Mapping[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _param(told: str) -> str:
    """A path such as "body.messages.0.role" as "messages[0].role"."""
    path = ""
    for part in told.removeprefix("body").strip(".").split("."):
        if part.isdigit():
            path += f"[{part}]"
        elif part and not part[0].isupper():  # pydantic names the classes that it tried
            path += f".{part}" if path else part
    return path


def _sentence(text: str) -> str:
    text = text.strip() or "vLLM refused the request without a reason"
    return text if text.endswith((".", "!", "?", "}")) else text + "."
