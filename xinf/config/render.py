"""Settings as TOML again: what they are now, each with a note of who said so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import cast

from xinf.config.layers import KeyPath, Layer, as_table, leaves
from xinf.config.problems import key_text, quoted
from xinf.config.settings import Settings

Note = Callable[[KeyPath], str]


def plain(settings: Settings) -> dict[str, object]:
    """The effective settings as tables of TOML values; what is None stands as "auto"."""
    sections = settings.model_dump(exclude={"models"})
    models = settings.model_dump(include={"models"}, exclude_unset=True)
    return {**_without_none(sections), **_without_none(models)}


def to_toml(values: Mapping[str, object], note: Note = lambda _: "") -> str:
    """`values` as TOML, a table for each section; `note` gives the comment beside a key."""
    return "\n\n".join("\n".join(lines) for lines in _tables(values, (), note)) + "\n"


def effective(settings: Settings, layer: Layer) -> dict[KeyPath, object]:
    """The value of every setting by its path, in the order in which they were said."""
    found = leaves(plain(settings))
    return {path: found[path] for path in layer if path in found}


def _tables(table: Mapping[str, object], above: KeyPath, note: Note) -> Iterator[list[str]]:
    inner = {name: below for name, value in table.items() if (below := as_table(value)) is not None}
    lines = [f"[{key_text(above)}]"] if above else []
    for name, value in table.items():
        if name not in inner:
            comment = note((*above, name))
            line = f"{key_text([name])} = {_value(value)}"
            lines.append(f"{line:<39} # {comment}" if comment else line)
    # A table that only holds tables needs no head of its own; an empty one says that it is there.
    if lines[1 if above else 0 :] or (above and not inner):
        yield lines
    for name, below in inner.items():
        yield from _tables(below, (*above, name), note)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            # Without an exponent, as durations are parsed; every digit is kept.
            text = format(Decimal(repr(value)), "f")
            return text if "." in text else f"{text}.0"
        case str():
            return quoted(value)
        case list() | tuple():
            items = cast("Sequence[object]", value)
            return f"[{', '.join(_value(item) for item in items)}]"
        case _:
            table = as_table(value)
            assert table is not None, f"{value!r} has no place in TOML"
            pairs = (f"{key_text([name])} = {_value(item)}" for name, item in table.items())
            return f"{{ {', '.join(pairs)} }}"


def _without_none(table: Mapping[str, object]) -> dict[str, object]:
    """None becomes "auto", which is how every setting that may be None is written."""
    return {
        name: _without_none(below)
        if (below := as_table(value)) is not None
        else ("auto" if value is None else value)
        for name, value in table.items()
    }
