"""The part of a frame that a terminal has room for. The first line always stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from xinf.tui import palette
from xinf.tui.text import clipped


@dataclass(frozen=True, slots=True)
class Viewport:
    """`offset` is the one asked for, brought within what there is."""

    lines: list[Text]
    offset: int


def viewport(lines: Sequence[Text], width: int, height: int, offset: int) -> Viewport:
    """Exactly `height` lines: the head, what follows it from `offset` on, and a line of help."""
    if height < 3:
        return Viewport(list(lines[: max(height, 0)]), 0)
    head, body = lines[0], lines[1:]
    room = height - 2
    offset = min(max(offset, 0), max(len(body) - room, 0))
    seen = list(body[offset : offset + room])
    seen += [Text()] * (room - len(seen))
    below = max(len(body) - room - offset, 0)
    return Viewport([head, *seen, clipped(_help(offset, below), width)], offset)


def _help(above: int, below: int) -> Text:
    hidden = [f"{count} {where}" for count, where in ((above, "above"), (below, "below")) if count]
    more = f"   ↑↓ lines: {', '.join(hidden)}" if hidden else ""
    return Text(f"q quits{more}", style=palette.QUIET)
