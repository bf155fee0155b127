"""What a frame is drawn on."""

from __future__ import annotations

from dataclasses import dataclass

# Wider than this, a line is harder to read, not easier.
WIDTH_MAX = 140
# Narrower than this, nothing is right anyway; lines are cut by the terminal then.
WIDTH_MIN = 20


@dataclass(frozen=True, slots=True)
class Canvas:
    """`width` in cells. Without color, shapes tell apart what colors otherwise do."""

    width: int
    has_color: bool = True
    reason_lines: int = 4

    @property
    def inner(self) -> int:
        """The width that is used."""
        return min(max(self.width, WIDTH_MIN), WIDTH_MAX)
