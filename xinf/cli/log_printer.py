"""Logs on stdout: line by line, with the replica's name where there are several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from xinf.cli.log_files import Log, Wanted, find_logs
from xinf.cli.log_reader import LogReader
from xinf.core.clock import Clock

# Soon enough to look immediate, rarely enough to cost nothing.
LOOK_EVERY_S = 0.2


class LogPrinter:
    """Prints what `wanted` names below `log_dir` to `out`."""

    def __init__(self, log_dir: Path, wanted: Wanted, out: BinaryIO) -> None:
        self._log_dir = log_dir
        self._wanted = wanted
        self._out = out
        self._readers: dict[str, LogReader] = {}

    def __enter__(self) -> LogPrinter:
        return self

    def __exit__(self, *_: object) -> None:
        for reader in self._readers.values():
            reader.close()

    def show_last(self, logs: Sequence[Log], lines: int | None, *, is_all: bool) -> None:
        """The last lines of each (None: all). `is_all`: no more will be read, so nothing waits."""
        self._readers |= {log.name: LogReader(log) for log in logs}
        for reader in self._readers.values():
            self._print(reader, reader.last(lines))
            if is_all:
                self._print(reader, reader.rest())

    async def follow(self, clock: Clock) -> None:
        """What is written from now on, also by replicas that begin later. For ever."""
        while True:
            self.show_new()
            await clock.sleep(LOOK_EVERY_S)

    def show_new(self) -> None:
        for log in find_logs(self._log_dir, self._wanted):
            self._readers.setdefault(log.name, LogReader(log))
        for reader in self._readers.values():
            self._print(reader, reader.new())

    def _print(self, reader: LogReader, lines: Iterable[bytes]) -> None:
        prefix = self._prefix(reader.name)
        for line in lines:
            self._out.write(prefix + line)
        self._out.flush()

    def _prefix(self, name: str) -> bytes:
        if len(self._readers) < 2:
            return b""
        return f"{name:<{max(map(len, self._readers))}} | ".encode()
