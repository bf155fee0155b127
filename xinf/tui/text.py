"""Text that fits into cells: a wide character takes two, and nothing may move the cursor."""

from __future__ import annotations

import re
import textwrap
import unicodedata

from rich.cells import cell_len
from rich.text import Text

ELLIPSIS = "…"
# What engines color their logs with: whole sequences go, not only the escape that begins them.
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# First line and last lines of a reason: what happened, and the engine's last words about it.
_TAIL_LINES = 2
# How the scheduler's last words about a lack of memory begin.
_SHORT = "short by "


def clean(text: str) -> str:
    """`text` on one line without anything that a terminal would obey; names come from outside."""
    harmless = (_harmless(character) for character in _SEQUENCE.sub("", text))
    return " ".join("".join(harmless).split())


def brief(reason: str) -> str:
    """A scheduler's reason without the sums of each device in its middle, which `why` tells.

    What happened or is needed comes first there, and what is short of it last.
    """
    first, _, rest = reason.partition("; ")
    last = rest.rpartition("; ")[2]
    return f"{first}; {last}" if last.startswith(_SHORT) and rest != last else reason


def clipped(text: Text, width: int) -> Text:
    """`text` in at most `width` cells, with an ellipsis where something is missing."""
    short = text.copy()
    short.truncate(max(width, 0), overflow="ellipsis")
    return short


def shortened(name: Text, width: int) -> Text:
    """`name` in at most `width` cells; of a replica's, the number after the slash stays."""
    slash = name.plain.rfind("/")
    if name.cell_len <= width or slash < 0:
        return clipped(name, width)
    tail = name[slash:]
    return clipped(name[:slash], width - tail.cell_len).append_text(tail)


def fitted(text: Text, width: int, *, to_right: bool = False) -> Text:
    """`text` in exactly `width` cells."""
    cell = clipped(text, width)
    missing = width - cell.cell_len
    if to_right:
        cell.pad_left(missing)
    else:
        cell.pad_right(missing)
    return cell


def spread(left: Text, right: Text, width: int) -> Text:
    """Both ends of a line; the right one is left out where there is no room for both."""
    gap = width - left.cell_len - right.cell_len
    if gap < 2:
        return clipped(left, width)
    return Text.assemble(left, " " * gap, right)


def wrapped(text: str, width: int, lines_max: int) -> list[str]:
    """`text` in lines of at most `width` cells; of a long one the first and the last lines."""
    lines = [part for line in text.splitlines() for part in _wrap(clean(line), width)]
    if len(lines) <= lines_max:
        return lines
    tail = min(_TAIL_LINES, lines_max - 2)
    if tail <= 0:
        last = clipped(Text(f"{lines[max(lines_max, 1) - 1]} {ELLIPSIS}"), width).plain
        return [*lines[: max(lines_max, 1) - 1], last]
    return [*lines[: lines_max - tail - 1], ELLIPSIS, *lines[-tail:]]


def _wrap(line: str, width: int) -> list[str]:
    """Lines by words. Wide characters are not counted as such by textwrap, so cells come last."""
    width = max(width, 1)
    found: list[str] = []
    for part in textwrap.wrap(line, width):
        rest = Text(part)
        while rest.cell_len > width and len(rest) > 1:
            length = _characters(rest.plain, width)
            found.append(rest.plain[:length])
            rest = rest[length:]
        found.append(rest.plain)
    return found


def _characters(text: str, width: int) -> int:
    """How many characters of `text` fit into `width` cells, at least one."""
    cells = 0
    for count, character in enumerate(text):
        cells += cell_len(character)
        if cells > width:
            return max(count, 1)
    return len(text)


def _harmless(character: str) -> str:
    # Cc, Cf, Co, Cs, Cn: control, direction marks, private, surrogates and what nobody has defined.
    return " " if unicodedata.category(character).startswith("C") else character
