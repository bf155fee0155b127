"""Lines of files of any size, in little memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

BLOCK_BYTES = 64 * 1024
# A line longer than this is cut into several: it is kept in memory until its end is known.
LINE_BYTES_MAX = 64 * 1024


class Lines:
    """Cuts what is fed into lines, each with its end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that `data` completes."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            yield line + b"\n"
        while len(self._rest) > LINE_BYTES_MAX:
            piece, self._rest = self._rest[:LINE_BYTES_MAX], self._rest[LINE_BYTES_MAX:]
            yield piece + b"\n"

    def finish(self) -> Iterator[bytes]:
        """The line that has no end, if there is one; there will be nothing more of it."""
        if self._rest:
            yield self._rest + b"\n"
        self._rest = b""


def blocks(file: BinaryIO) -> Iterator[bytes]:
    """All that there is from the file's position on, piece by piece."""
    while data := file.read(BLOCK_BYTES):
        yield data


def tail(file: BinaryIO, lines: int) -> tuple[int, int]:
    """Where the last `lines` lines of `file` begin, and how many of them there are."""
    end = file.seek(0, os.SEEK_END)
    if lines <= 0 or end == 0:
        return end, 0
    # The end of the last line begins no further one.
    file.seek(end - 1)
    at, found = (end - 1, 0) if file.read(1) == b"\n" else (end, 0)
    while at > 0:
        begin = max(at - BLOCK_BYTES, 0)
        file.seek(begin)
        block = file.read(at - begin)
        newlines = block.count(b"\n")
        if found + newlines >= lines:
            return begin + _after_nth_last(block, lines - found), lines
        at, found = begin, found + newlines
    return 0, found + 1


def _after_nth_last(block: bytes, count: int) -> int:
    """What follows the `count`-th newline of `block`, counted from its end."""
    at = len(block)
    for _ in range(count):
        at = block.rindex(b"\n", 0, at)
    return at + 1
