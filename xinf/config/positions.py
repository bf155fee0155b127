"""On which line each key of a TOML text stands, which tomllib does not tell.

The text has been parsed before, so this scan may rely on it being valid TOML: it only needs to know
where keys begin and how to step over values.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from xinf.config.layers import KeyPath, as_table

_SKIP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_OPENING = re.compile(r"\[{1,2}[ \t]*")
_CLOSING = re.compile(r"[ \t]*\]{1,2}")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_KEY_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY = re.compile(rf"{_KEY_PART}(?:[ \t]*\.[ \t]*{_KEY_PART})*")
# Three quotes first; a closing three may be preceded by one or two that belong to the text.
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]+")


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """The line (from 1) on which each key of the valid TOML `text` was first written."""
    return _Scan(text).run()


def split_key(dotted: str) -> KeyPath:
    """The parts of a dotted key by TOML's own rules, e.g. `models."qwen2.5".queue`.

    Raises ValueError when it is not one.
    """
    if not _KEY.fullmatch(dotted):
        raise ValueError(f"{dotted!r} is not a key such as server.port")
    node: object = tomllib.loads(f"{dotted} = 0")
    path: list[str] = []
    while table := as_table(node):
        name, node = next(iter(table.items()))
        path.append(name)
    return tuple(path)


class _Scan:
    """One pass over the text; `_at` is the only cursor."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[KeyPath, int] = {}

    def run(self) -> Mapping[KeyPath, int]:
        table: KeyPath = ()
        self._step_over(_SKIP)
        while self._at < len(self._text):
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)
            self._step_over(_SKIP)
        return self._lines

    def _header(self) -> KeyPath:
        self._step_over(_OPENING)
        table = self._key(())
        self._step_over(_CLOSING)
        return table

    def _pair(self, table: KeyPath) -> None:
        path = self._key(table)
        self._step_over(_EQUALS)
        self._value(path)

    def _key(self, table: KeyPath) -> KeyPath:
        line = self._text.count("\n", 0, self._at) + 1
        path = table + split_key(self._step_over(_KEY))
        for depth in range(len(table) + 1, len(path) + 1):
            self._lines.setdefault(path[:depth], line)
        return path

    def _value(self, path: KeyPath) -> None:
        match self._peek():
            case '"' | "'":
                self._step_over(_STRING)
            case "[":
                self._items(path, "]")
            case "{":
                self._items(path, "}")
            case _:
                self._step_over(_SCALAR)

    def _items(self, path: KeyPath, closing: str) -> None:
        """An array (of values) or an inline table (of pairs)."""
        self._at += 1
        self._step_over(_SKIP)
        while self._peek() != closing:
            if closing == "}":
                self._pair(path)
            else:
                self._value(path)
            self._step_over(_SKIP)
            if self._peek() == ",":
                self._at += 1
                self._step_over(_SKIP)
        self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _step_over(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, f"not TOML at {self._text[self._at : self._at + 20]!r}"
        self._at = match.end()
        return match[0]
