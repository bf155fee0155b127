"""Rows in columns. The first column gives way, then the least important ones go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rich.text import Text

from xinf.tui import palette
from xinf.tui.text import clipped, fitted, shortened

_GAP = 2
# Names are told apart by so much; columns that can go make room for it.
_FIRST_FAIR = 24
_FIRST_MIN = 8
# Less of a row's last words says nothing.
_TAIL_MIN = 12


@dataclass(frozen=True, slots=True)
class Column:
    """`width` is the least it takes, so that it does not move when its numbers grow.

    Of several columns the one of the highest `rank` is left out first; rank 0 always stays.
    """

    title: str
    width: int = 0
    is_number: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """`tail` is what may follow its cells, as far as there is room; `details` are lines below
    it that belong to it, at most as wide as the table.
    """

    cells: Sequence[Text]
    details: Sequence[Text] = field(default=())
    tail: Text | None = None


def room_for_first(columns: Sequence[Column], rows: Sequence[Row], wanted: int, width: int) -> int:
    """How much of `wanted` the first column gets when the table is at most `width` cells wide."""
    needs = _needs(columns, rows, wanted)
    others = sum(needs[at] + _GAP for at in _kept(columns, needs, width)[1:])
    return min(needs[0], max(width - others, _FIRST_MIN))


def table(columns: Sequence[Column], rows: Sequence[Row], first: int, width: int) -> list[Text]:
    """The lines of a table of at most `width` cells, `first` of them for the first column."""
    needs = _needs(columns, rows, first)
    kept = _kept(columns, needs, width)
    titles = [Text(column.title, style=palette.HEADING) for column in columns]
    lines = [_line(titles, columns, needs, kept)]
    whole = sum(needs[at] + _GAP for at in kept)
    for row in rows:
        line = _line(row.cells, columns, needs, kept)
        if row.tail is not None and width - whole >= _TAIL_MIN:
            line = fitted(line, whole).append_text(row.tail)
        lines += [line, *row.details]
    return [clipped(line, width) for line in lines]


def without(
    title: str, columns: Sequence[Column], rows: Sequence[Row]
) -> tuple[list[Column], list[Row]]:
    """A table that lacks the column of that title."""
    kept = [at for at, column in enumerate(columns) if column.title != title]
    cut = [replace(row, cells=[row.cells[at] for at in kept]) for row in rows]
    return [columns[at] for at in kept], cut


def _needs(columns: Sequence[Column], rows: Sequence[Row], first: int) -> list[int]:
    needs = [
        max(column.width, len(column.title), *(row.cells[at].cell_len for row in rows), 0)
        for at, column in enumerate(columns)
    ]
    return [max(first, len(columns[0].title)), *needs[1:]]


def _kept(columns: Sequence[Column], needs: Sequence[int], width: int) -> list[int]:
    kept = list(range(len(columns)))
    wanted = min(needs[0], _FIRST_FAIR)
    while wanted + sum(needs[at] + _GAP for at in kept[1:]) > width:
        worst = max(kept, key=lambda at: columns[at].rank)
        if columns[worst].rank == 0:
            break
        kept.remove(worst)
    return kept


def _line(
    cells: Sequence[Text], columns: Sequence[Column], needs: Sequence[int], kept: Sequence[int]
) -> Text:
    first, *others = kept
    parts = [fitted(shortened(cells[first], needs[first]), needs[first])]
    parts += [fitted(cells[at], needs[at], to_right=columns[at].is_number) for at in others]
    line = Text(" " * _GAP, no_wrap=True).join(parts)
    line.rstrip()
    return line
