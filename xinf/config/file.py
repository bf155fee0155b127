"""One TOML file, read: its values, and the line of each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xinf.config.layers import Entry, KeyPath, Layer, Origin, OriginKind, as_table, leaves
from xinf.config.positions import key_lines
from xinf.config.problems import ConfigInvalid, Problem

_AT_LINE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_AT_END = " (at end of document)"


@dataclass(frozen=True, slots=True)
class TomlFile:
    """`name` is how messages call it."""

    name: str
    values: Mapping[str, object]
    lines: Mapping[KeyPath, int]

    @classmethod
    def empty(cls) -> TomlFile:
        return cls("", {}, {})

    @property
    def model_names(self) -> tuple[str, ...]:
        return tuple(as_table(self.values.get("models")) or ())

    def place(self, path: KeyPath) -> str:
        """`file:line` of the key at `path`, or of the nearest table around it."""
        known = (self.lines.get(path[:length]) for length in range(len(path), 0, -1))
        line = next(filter(None, known), None)
        return f"{self.name}:{line}" if line else self.name

    def layer(self, kind: OriginKind) -> Layer:
        return {
            path: Entry(value, Origin(kind, self.place(path)))
            for path, value in leaves(self.values).items()
        }


def read_toml(file: Path) -> TomlFile:
    """Raises ConfigInvalid when `file` cannot be read or is not TOML, with the line."""
    return parse_toml(read_text(file), file)


def parse_toml(text: str, file: Path) -> TomlFile:
    """`text` as if it stood in `file`. Raises ConfigInvalid when it is not TOML, with the line."""
    try:
        return TomlFile(str(file), tomllib.loads(text), key_lines(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid([_syntax_problem(file, text, str(error))]) from None


def read_text(file: Path) -> str:
    """Raises ConfigInvalid when `file` cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        cause = f"it cannot be read ({error.strerror})"
    except UnicodeDecodeError as error:
        cause = f"it is not UTF-8 text (byte {error.start})"
    raise ConfigInvalid([Problem(str(file), "", cause)]) from None


def _syntax_problem(file: Path, text: str, message: str) -> Problem:
    line = text.count("\n") + 1
    if found := _AT_LINE.search(message):
        line, message = int(found[1]), f"{message[: found.start()]} in column {found[2]}"
    # "Invalid value (at end of document)" reads as our own sentence without the brackets.
    message = message.removesuffix(_AT_END)
    shown = text.split("\n")[line - 1 : line]
    told = f": {shown[0].strip()[:60]}" if shown and shown[0].strip() else ""
    return Problem(f"{file}:{line}", "", f"not TOML: {message[:1].lower()}{message[1:]}{told}")
