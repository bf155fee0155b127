"""What is wrong with a request's body, in the words that OpenAI's API uses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn, cast

from xinf.shim.backends.base import RequestFailed

_TYPE_NAMES: Mapping[type, str] = MappingProxyType(
    {
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
        type(None): "null",
    }
)


def type_name(value: object) -> str:
    """What JSON calls the type of `value`, with its article."""
    return _TYPE_NAMES.get(type(value), "something else")


def read_object(data: bytes) -> dict[str, Any]:
    """The body as an object. Raises RequestFailed."""
    try:
        body: object = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        message = f"The request body is not valid JSON: {error}."
        raise RequestFailed("invalid_json", message) from error
    if not isinstance(body, dict):
        message = f"The request body must be a JSON object, but is {type_name(body)}."
        raise RequestFailed("invalid_type", message)
    return cast("dict[str, Any]", body)


def missing(param: str) -> RequestFailed:
    message = f"Missing required parameter: '{param}'."
    return RequestFailed("missing_required_parameter", message, param=param)


def invalid_type(param: str, wanted: str, value: object) -> RequestFailed:
    message = f"Invalid type for '{param}': expected {wanted}, but got {type_name(value)} instead."
    return RequestFailed("invalid_type", message, param=param)


def invalid_value(param: str, why: str) -> RequestFailed:
    return RequestFailed("invalid_value", f"Invalid value for '{param}': {why}.", param=param)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")
