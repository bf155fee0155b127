"""The JSON schema of xinf.toml, for editors. Defaults and explanations come from default.toml."""

from __future__ import annotations

import itertools
from typing import Any

from xinf.config.data import config_data
from xinf.config.file import TomlFile, read_toml
from xinf.config.layers import KeyPath, leaves
from xinf.config.settings import Settings

_TITLE = "xinf.toml"


def json_schema() -> dict[str, Any]:
    """A schema under which nothing is required: whatever is left out has a default."""
    schema = Settings.model_json_schema()
    tables = [schema, *schema["$defs"].values()]
    for table in tables:
        table.pop("required", None)
        for entry in table["properties"].values():
            _without_null(entry)
    _explain(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": _TITLE}


def explanations() -> dict[KeyPath, str]:
    """For each key of default.toml, the comment above it."""
    file = config_data("default.toml")
    lines = file.read_text(encoding="utf-8").split("\n")
    read = read_toml(file)
    return {path: _comment_above(lines, read, path) for path in leaves(read.values)}


def _comment_above(lines: list[str], read: TomlFile, path: KeyPath) -> str:
    above = reversed(lines[: read.lines[path] - 1])
    block = list(itertools.takewhile(lambda line: line.startswith("#"), above))
    return " ".join(line.removeprefix("#").strip() for line in reversed(block))


def _without_null(entry: dict[str, Any]) -> None:
    """TOML cannot say null; what is None here is a key that is left out."""
    if entry.get("default", "") is None:
        del entry["default"]
    choices = [choice for choice in entry.pop("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        entry |= choices[0]
    elif choices:
        entry["anyOf"] = choices


def _explain(schema: dict[str, Any]) -> None:
    for path, value in leaves(read_toml(config_data("default.toml")).values).items():
        node: dict[str, Any] = schema
        for name in path[:-1]:
            node = schema["$defs"][node["properties"][name]["$ref"].rpartition("/")[2]]
        entry = node["properties"][path[-1]]
        entry["description"] = explanations()[path]
        if "$ref" not in entry:
            entry["default"] = value
