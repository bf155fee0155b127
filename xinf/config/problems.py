"""What is wrong with settings, as sentences that say where, what, and what would be right."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xinf.config.layers import KeyPath, as_table
from xinf.core.errors import ErrorCode, XinfError, sentence

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# A value that was pasted by mistake may be a whole file.
_SHOWN_MAX = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong thing. `place` is a file with its line, a variable or a flag."""

    place: str
    key: str
    cause: str
    next_step: str = ""

    @property
    def order(self) -> tuple[str, int]:
        """Where a reader meets it: by file, then by line."""
        name, _, line = self.place.rpartition(":")
        return (name, int(line)) if line.isdecimal() else (self.place, 0)

    @property
    def thing(self) -> str:
        return ": ".join(part for part in (self.place, self.key) if part)

    def __str__(self) -> str:
        return sentence(self.thing, self.cause, self.next_step)


class ConfigInvalid(XinfError):
    """CONFIG_INVALID with every problem that was found; its own sentence tells the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first, more = problems[0], len(problems) - 1
        told = f"{more} more: see `xinf config validate`" if more else ""
        super().__init__(
            ErrorCode.CONFIG_INVALID,
            thing=first.thing,
            cause=first.cause,
            next_step=" ".join(part for part in (_stopped(first.next_step), told) if part),
            param=first.key or None,
        )
        self.problems = tuple(problems)


def key_text(path: Iterable[str | int]) -> str:
    """`path` as TOML writes it: dotted, quoted where needed; a place in a list in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = part if _BARE_KEY.fullmatch(part) else quoted(part)
        text += f".{name}" if text else name
    return text


def quoted(text: str) -> str:
    """`text` as a TOML string: JSON's escapes are TOML's, but TOML escapes DEL as well."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def value_text(value: object) -> str:
    """`value` as it is written in TOML, shortened."""
    if as_table(value) is not None:
        return "a table"
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def unknown_key(place: str, path: KeyPath, allowed: Iterable[str]) -> Problem:
    """An unknown key, with the one that was probably meant, or all that there are."""
    known = sorted(allowed)
    close = difflib.get_close_matches(path[-1].lower(), known, n=1)
    where = key_text(path[:-1])
    if close:
        next_step = f"Did you mean {close[0]}?"
    elif known:
        next_step = f"Allowed {f'in {where}' if where else 'here'}: {', '.join(known)}"
    else:
        next_step = f"{where} has no settings"
    return Problem(place, key_text(path), "unknown key", next_step)


def _stopped(text: str) -> str:
    return text if not text or text.endswith((".", "?", "!", "`")) else f"{text}."
