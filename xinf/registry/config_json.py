"""Reading config.json, which anybody may have written: what is missing or of a wrong kind is
nothing, and what is absurd is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from xinf.core.json import JsonObject, JsonValue

# No width, count or length of a model is larger; a product of several still fits 64 bits twice.
NUMBER_MAX = 1 << 32
# The longest config.json known holds some hundred kilobytes of rope factors and label names.
CONFIG_BYTES_MAX = 16 * 1024 * 1024


class Unreadable(ValueError):
    """The file is not what it should be; the text says in what way."""


class Table:
    """A JSON object whose members are asked for by all the names that they go by."""

    def __init__(self, members: JsonObject) -> None:
        self.members = members

    def number(self, *names: str, default: int = 0) -> int:
        """The first of `names` that holds a count. Raises Unreadable if it is absurd."""
        for name in names:
            value = self.members.get(name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                continue  # -1 is how some say that there is none
            if value > NUMBER_MAX:
                raise Unreadable(f"{name} is absurd: {value:.1e}")
            return value
        return default

    def text(self, *names: str) -> str:
        """The first of `names` that holds a text; "" if none does."""
        values = (self.members.get(name) for name in names)
        return next((value for value in values if isinstance(value, str)), "")

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.members.get(name)
        return value if isinstance(value, bool) else default

    def texts(self, *names: str) -> tuple[str, ...]:
        """The first of `names` that holds a list; what is no text in it is left out."""
        for name in names:
            value = self.members.get(name)
            if isinstance(value, Sequence) and not isinstance(value, str):
                return tuple(each for each in value if isinstance(each, str))
        return ()

    def numbers(self, name: str) -> tuple[int, ...]:
        value = self.members.get(name)
        if not isinstance(value, Sequence) or isinstance(value, str):
            return ()
        return tuple(each for each in value if isinstance(each, int) and 0 <= each <= NUMBER_MAX)

    def table(self, *names: str) -> Table | None:
        """The first of `names` that holds an object."""
        for name in names:
            value = self.members.get(name)
            if isinstance(value, Mapping):
                return Table(value)
        return None

    def has(self, name: str) -> bool:
        return self.members.get(name) is not None


def parse_config(text: str | bytes) -> Table:
    """A config.json. Raises Unreadable."""
    if len(text) > CONFIG_BYTES_MAX:
        raise Unreadable(f"config.json has {len(text)} bytes")
    try:
        members: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("config.json is no JSON") from error
    if not isinstance(members, Mapping):
        raise Unreadable("config.json holds no object")
    return Table(members)
