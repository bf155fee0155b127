"""A terminal whose other end a test holds."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

PATIENCE_S = 60.0


@dataclass
class Terminal:
    """`inside` is what a program gets as its stdin and stdout."""

    ours: int
    inside: int
    written: bytes = b""

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.inside, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def read(self) -> bytes:
        """All that was written and not read yet."""
        new = b""
        while select.select([self.ours], [], [], 0)[0]:
            new += os.read(self.ours, 65536)
        self.written += new
        return new

    def until(self, is_so: Callable[[bytes], bool]) -> None:
        """Read until that holds for all that was written so far."""
        end = time.monotonic() + PATIENCE_S
        while not is_so(self.written):
            assert time.monotonic() < end, self.written
            select.select([self.ours], [], [], 0.05)
            self.read()

    @property
    def is_cooked(self) -> bool:
        """Whether it takes whole lines and shows what is typed, as a shell leaves it."""
        flags = termios.tcgetattr(self.inside)[tty.LFLAG]
        return bool(flags & termios.ICANON and flags & termios.ECHO)


@contextmanager
def terminal(width: int = 100, height: int = 30) -> Iterator[Terminal]:
    ours, inside = pty.openpty()
    made = Terminal(ours, inside)
    made.resize(width, height)
    try:
        yield made
    finally:
        os.close(ours)
        os.close(inside)
