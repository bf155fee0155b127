"""The type of plain JSON data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from typing_extensions import TypeAliasType

# Two spellings of one type: at run time a named alias, because pydantic can only follow a recursion
# that has a name; for pyright a plain one, because it loses a named one's recursion when another
# file is looked at first.
if TYPE_CHECKING:
    JsonValue: TypeAlias = (
        "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
    )
else:
    JsonValue = TypeAliasType(
        "JsonValue",
        "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None",
    )
JsonObject: TypeAlias = Mapping[str, JsonValue]
