"""Settings in layers: whoever speaks later about a key wins, and every value remembers who spoke.

A layer is flat, one entry for each leaf of the tree of tables, so that laying one over another is
a dictionary update; the tree is built again at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

KeyPath: TypeAlias = tuple[str, ...]
OriginKind: TypeAlias = Literal["default", "file", "env", "flag"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who said a value, and where: `xinf.toml:12`, `XINF_SERVER__PORT` or `--set server.port`."""

    kind: OriginKind
    place: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A leaf: a plain TOML value (an empty table is one, too) and its origin."""

    value: object
    origin: Origin


Layer: TypeAlias = Mapping[KeyPath, Entry]


def lay_over(layers: Iterable[Layer]) -> dict[KeyPath, Entry]:
    """The layers, first to last, as one: the last word about every leaf."""
    merged: dict[KeyPath, Entry] = {}
    for layer in layers:
        for path, entry in layer.items():
            _put(merged, path, entry)
    return merged


def tree(layer: Layer) -> dict[str, object]:
    """The nested tables that `layer` describes."""
    root: dict[str, object] = {}
    for path, entry in layer.items():
        node = root
        for name in path[:-1]:
            node = cast("dict[str, object]", node.setdefault(name, {}))
        node[path[-1]] = entry.value
    return root


def leaves(table: Mapping[str, object], above: KeyPath = ()) -> dict[KeyPath, object]:
    """The leaves of nested tables by their path."""
    found: dict[KeyPath, object] = {}
    for name, value in table.items():
        below = as_table(value)
        if below:
            found |= leaves(below, (*above, name))
        else:
            found[*above, name] = value
    return found


def origin_of(layer: Layer, path: KeyPath) -> Origin | None:
    """Who said `path`; for a table whoever spoke first within it, for a missing key its table."""
    for length in range(len(path), 0, -1):
        prefix = path[:length]
        for known, entry in layer.items():
            if known[:length] == prefix:
                return entry.origin
    return None


def as_table(value: object) -> dict[str, object] | None:
    """`value` if it is a TOML table."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _put(merged: dict[KeyPath, Entry], path: KeyPath, entry: Entry) -> None:
    # A value where a table was replaces the table, and the reverse; an empty table over a full
    # one adds nothing and takes nothing away.
    below = [known for known in merged if len(known) > len(path) and known[: len(path)] == path]
    if below and as_table(entry.value) is not None:
        return
    for gone in below:
        del merged[gone]
    for length in range(1, len(path)):
        merged.pop(path[:length], None)
    merged[path] = entry
