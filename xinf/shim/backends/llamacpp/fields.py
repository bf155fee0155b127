"""The fields of OpenAI's requests that llama.cpp reads, with what they may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# More stop strings would be searched for at every token.
STOPS_MAX = 16
INT32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Field:
    """`wanted` names the type for people; numbers also have bounds. A bool is never a number."""

    wanted: str
    types: tuple[type, ...]
    low: float | None = None
    high: float | None = None

    def fits_type(self, value: object) -> bool:
        if isinstance(value, bool):
            return bool in self.types
        if isinstance(value, float) and value.is_integer() and int in self.types:
            return True
        return isinstance(value, self.types)

    def problem(self, value: object) -> str:
        """Why a value of the right type is still wrong; empty if it is not."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.low is not None and value < self.low:
                return f"it must be at least {self.low:g}, but is {value}"
            if self.high is not None and value > self.high:
                return f"it must be at most {self.high:g}, but is {value}"
        return ""


class Stops(Field):
    """A stop string, or several; an empty one would end every answer before it begins."""

    def fits_type(self, value: object) -> bool:
        if isinstance(value, list):
            return all(isinstance(entry, str) for entry in value)  # pyright: ignore[reportUnknownVariableType]
        return isinstance(value, str)

    def problem(self, value: object) -> str:
        stops: list[object] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
        if "" in stops:
            return "a stop string must not be empty"
        if len(stops) > STOPS_MAX:
            return f"it may hold at most {STOPS_MAX} strings, but holds {len(stops)}"
        return ""


def _number(low: float | None = None, high: float | None = None) -> Field:
    return Field("a number", (int, float), low, high)


def _integer(low: float | None = None, high: float | None = None) -> Field:
    return Field("an integer", (int,), low, high)


_BOOLEAN = Field("a boolean", (bool,))
_OBJECT = Field("an object", (dict,))
_ARRAY = Field("an array of objects", (list,))

_COMMON: Mapping[str, Field] = {
    "stream": _BOOLEAN,
    "stream_options": _OBJECT,
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "min_p": _number(0, 1),
    "top_k": _integer(-1),
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "max_tokens": _integer(1, INT32_MAX),
    "n": _integer(1),
    "seed": _integer(),
    "stop": Stops("a string or an array of strings", (str, list)),
    "logit_bias": _OBJECT,
}

CHAT_FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        **_COMMON,
        "max_completion_tokens": _integer(1, INT32_MAX),
        "logprobs": _BOOLEAN,
        "top_logprobs": _integer(0, 20),
        "tools": _ARRAY,
        "tool_choice": Field("a string or an object", (str, dict)),
        "parallel_tool_calls": _BOOLEAN,
        "response_format": _OBJECT,
        "chat_template_kwargs": _OBJECT,
    }
)

COMPLETION_FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        **_COMMON,
        "logprobs": _integer(0, 5),
        "echo": _BOOLEAN,
        "suffix": Field("a string", (str,)),
    }
)
