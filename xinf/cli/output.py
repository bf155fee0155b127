"""Data goes to stdout, what happens meanwhile to stderr; plain text unless a person looks."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# Wide enough that nothing is ever cut or wrapped for a reader that is a program.
_PLAIN_WIDTH = 1000


def show(renderable: RenderableType) -> None:
    """Data for a person, or for the next command of a pipe."""
    write(sys.stdout, renderable)


def note(text: str) -> None:
    """A line about what happens, on stderr."""
    print(text, file=sys.stderr, flush=True)


def say(text: str) -> None:
    """As `note`, for who goes on when its terminal is gone."""
    with suppress(OSError):
        note(text)


def show_json(value: object) -> None:
    """Data for a program: records become objects, one document."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False))


def console(stream: TextIO) -> Console:
    """A rich console for `stream`; NO_COLOR and dumb terminals are respected by rich."""
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


def text_of(renderable: RenderableType, width: int = _PLAIN_WIDTH) -> str:
    """`renderable` as plain lines without trailing blanks."""
    from rich.console import Console

    buffer = io.StringIO()
    plain = Console(
        file=buffer, width=width, color_system=None, highlight=False, markup=False, emoji=False
    )
    plain.print(renderable)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def write(stream: TextIO, renderable: RenderableType) -> None:
    if stream.isatty():
        console(stream).print(renderable)
    else:
        print(text_of(renderable), file=stream, flush=True)


def plain(value: object) -> Any:
    """`value` without records, which become objects."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast("Sequence[object]", value)]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
