"""Bars: parts of a whole side by side, and how far a step is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from rich.text import Text

from xinf.tui import palette

_REST = "─"
_DONE = "━"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bar: how much, and the one character and style that it is filled with."""

    amount: int
    fill: str
    style: str = ""


def stacked(parts: Sequence[Part], total: int, width: int) -> Text:
    """`parts` in their order, then what is left of `total`. Each that is not nothing is seen."""
    cells = _cells([part.amount for part in parts], max(total, 1), width)
    bar = Text(no_wrap=True)
    for part, count in zip(parts, cells, strict=True):
        bar.append(part.fill * count, style=part.style)
    return bar.append(_REST * (width - bar.cell_len), style=palette.QUIET)


def progress(done: float, total: float, width: int, style: str) -> Text:
    """How much of `total` is done."""
    full = int(width * min(max(done / total, 0.0), 1.0)) if total > 0 else 0
    bar = Text(_DONE * full, style=style, no_wrap=True)
    return bar.append(_REST * (width - full), style=palette.QUIET)


def _cells(amounts: Sequence[int], total: int, width: int) -> list[int]:
    """Whole cells for each amount.

    Their edges are rounded, not their lengths, so one part that grows does not shake the others.
    """
    edges = [min(round(end * width / total), width) for end in accumulate(amounts)]
    at, cells = 0, list[int]()
    for index, (amount, edge) in enumerate(zip(amounts, edges, strict=True)):
        following = sum(each > 0 for each in amounts[index + 1 :])
        end = min(max(edge, at + 1), width - following) if amount > 0 else at
        cells.append(max(end - at, 0))
        at += cells[-1]
    return cells
