"""One log, read from its tail on, and followed wherever it goes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from xinf.cli.log_files import Log
from xinf.cli.log_lines import Lines, blocks, tail


class LogReader:
    """Holds at most one open file. `name` is the log's."""

    def __init__(self, log: Log) -> None:
        self.name = log.name
        self._log = log
        self._file: BinaryIO | None = None
        self._lines = Lines()

    def last(self, lines: int | None) -> Iterator[bytes]:
        """The last lines (None: all), also those of before it was rotated; `new` goes on there."""
        self._open()
        if self._file is None:
            return
        begin, found = (0, 0) if lines is None else tail(self._file, lines)
        if self._log.older is not None and (lines is None or found < lines):
            yield from _last_of(self._log.older, None if lines is None else lines - found)
        self._file.seek(begin)
        yield from self._read(self._file)

    def new(self) -> Iterator[bytes]:
        """What has come since, in this file and in the one that has taken its place."""
        while True:
            self._open()
            if self._file is None:
                return
            # Asked before reading: who has moved a file away writes no more to it.
            is_current = _is_at(self._log.file, self._file)
            yield from self._read(self._file)
            if is_current:
                return
            yield from self.rest()
            self.close()

    def rest(self) -> Iterator[bytes]:
        """The last line, even if it has no end yet."""
        return self._lines.finish()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        if self._file is None:
            with contextlib.suppress(FileNotFoundError):
                self._file = self._log.file.open("rb")

    def _read(self, file: BinaryIO) -> Iterator[bytes]:
        if os.fstat(file.fileno()).st_size < file.tell():
            file.seek(0)  # it was emptied and begins anew
        for block in blocks(file):
            yield from self._lines.feed(block)


def _last_of(path: Path, lines: int | None) -> Iterator[bytes]:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(0 if lines is None else tail(file, lines)[0])
        cut = Lines()
        for block in blocks(file):
            yield from cut.feed(block)
        yield from cut.finish()


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Whether `file` is what is found at `path`, or nothing is: then it may come back."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return True
