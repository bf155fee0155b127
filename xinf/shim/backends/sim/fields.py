"""Typed reading of a JSON object's fields, with OpenAI's words for what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from xinf.shim.backends.base import RequestFailed


class Fields:
    """Every method raises RequestFailed naming the field. null counts as absent."""

    def __init__(self, body: Mapping[str, Any], prefix: str = "") -> None:
        self._body = body
        self._prefix = prefix

    def value(self, name: str) -> Any:
        return self._body.get(name)

    def required(self, name: str) -> Any:
        value = self._body.get(name)
        if value is None:
            param = self._prefix + name
            message = f"Missing required parameter: '{param}'."
            raise RequestFailed("missing_required_parameter", message, param=param)
        return value

    def array(self, name: str) -> Sequence[Any]:
        value = self.required(name)
        if not isinstance(value, list):
            raise wrong_type(self._prefix + name, "an array of objects", value)
        return cast("Sequence[Any]", value)

    def object(self, name: str) -> Mapping[str, Any]:
        value = self._optional(name, dict, "an object")
        return value if value is not None else {}

    def flag(self, name: str) -> bool:
        return bool(self._optional(name, bool, "a boolean"))

    def text(self, name: str) -> str:
        return self._optional(name, str, "a string") or ""

    def integer(self, name: str, low: int) -> int | None:
        value = self._optional(name, int, "an integer")
        if value is not None and value < low:
            raise wrong_value(self._prefix + name, f"expected a value of at least {low}")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        value = self._optional(name, (int, float), "a number")
        if value is not None and not low <= value <= high:
            raise wrong_value(self._prefix + name, f"expected a value from {low} to {high}")
        return value

    def _optional(self, name: str, kind: type | tuple[type, ...], words: str) -> Any:
        value = self._body.get(name)
        is_odd_bool = isinstance(value, bool) and kind is not bool
        if value is not None and (is_odd_bool or not isinstance(value, kind)):
            raise wrong_type(self._prefix + name, words, value)
        return value


def wrong_type(param: str, expected: str, value: Any) -> RequestFailed:
    message = f"Invalid type for '{param}': expected {expected}, but got {_name(value)} instead."
    return RequestFailed("invalid_type", message, param=param)


def wrong_value(param: str, why: str) -> RequestFailed:
    return RequestFailed("invalid_value", f"Invalid value for '{param}': {why}.", param=param)


_NAMES = {"dict": "an object", "list": "an array", "str": "a string", "bool": "a boolean"}


def _name(value: Any) -> str:
    if value is None:
        return "null"
    return _NAMES.get(type(value).__name__, "a number")
