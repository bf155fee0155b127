"""The type of plain JSON data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from typing_extensions import TypeAliasType

# A named alias rather than a plain one: pydantic can only follow a recursion that has a name.
JsonValue = TypeAliasType(
    "JsonValue",
    "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None",
)
JsonObject: TypeAlias = Mapping[str, JsonValue]
