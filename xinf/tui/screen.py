"""The terminal as one page: taken as a whole, drawn without flicker, given back as it was."""

from __future__ import annotations

import contextlib
import os
import termios
import tty
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.text import Text

# The other page, no cursor, no wrapping at the right edge.
_TAKE = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_GIVE_BACK = "\x1b[?7h\x1b[?25h\x1b[?1049l"
# Terminals that know these show the frame at once when it is whole; others ignore them.
_FRAME, _SHOW = "\x1b[?2026h", "\x1b[?2026l"
_HOME, _LINE_END, _BELOW, _ALL = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"


class Screen:
    """The terminal of `stdin` and `stdout`, while the block lasts. Without a terminal at `stdin`
    there are no keys.
    """

    def __init__(self, stdin: TextIO, stdout: TextIO) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._console = Console(file=stdout, highlight=False, markup=False, emoji=False)
        self._before: list[Any] | None = None
        self._drawn: tuple[tuple[int, int], str] | None = None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The terminal itself may be what has gone away.
        with contextlib.suppress(OSError, termios.error):
            self.give_back()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in cells."""
        found = os.get_terminal_size(self._stdout.fileno())
        # A terminal that does not know its size says 0.
        return found.columns or 80, found.lines or 24

    @property
    def has_color(self) -> bool:
        return self._console.color_system is not None and not self._console.no_color

    def take(self) -> None:
        """Begin, or go on after `give_back`."""
        if self._stdin.isatty():
            self._before = termios.tcgetattr(self._stdin)
            # Keys come one by one and unseen; Ctrl-C and Ctrl-Z stay what they are.
            tty.setcbreak(self._stdin)
        self._drawn = None
        self._write(_TAKE)

    def give_back(self) -> None:
        """Bring back what was there before."""
        if self._before is not None:
            termios.tcsetattr(self._stdin, termios.TCSADRAIN, self._before)
            self._before = None
        self._write(_GIVE_BACK)

    def draw(self, lines: Sequence[Text]) -> None:
        """Show `lines` from the top; nothing is sent when they are what is seen already."""
        size = self.size
        text = "\r\n".join(self._escaped(line, size[0]) for line in lines)
        if self._drawn == (size, text):
            return
        # After a change of size, the terminal may have moved anything anywhere.
        begin = _ALL if self._drawn is None or self._drawn[0] != size else ""
        rest = f"\r\n{_BELOW}" if len(lines) < size[1] else ""
        self._drawn = (size, text)
        self._write(f"{_FRAME}{begin}{_HOME}{text}{rest}{_SHOW}")

    def _escaped(self, line: Text, width: int) -> str:
        with self._console.capture() as captured:
            self._console.print(line, end="", no_wrap=True, overflow="ignore", crop=False)
        # After a full line the cursor still stands on its last character, which must stay.
        return captured.get() + (_LINE_END if line.cell_len < width else "")

    def _write(self, text: str) -> None:
        self._stdout.write(text)
        self._stdout.flush()
