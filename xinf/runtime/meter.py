"""How far pip is, from what it prints with `--progress-bar raw`."""

from __future__ import annotations

import re

_PROGRESS = re.compile(r"Progress (?P<done>\d+) of (?P<total>\d+)")
# A file from a local index, or one that is there already, is never "downloaded".
_BEGINS = re.compile(r"\s*(Downloading|Processing|Using cached|File was already downloaded) ")


class DownloadMeter:
    """Bytes done over several files that come one after the other."""

    def __init__(self) -> None:
        self._finished = 0
        self._current = 0
        self._expected = 0

    @property
    def total(self) -> int:
        """Bytes of the files that pip has begun."""
        return self._finished + self._expected

    @property
    def done(self) -> int:
        return self._finished + self._current

    def feed(self, line: str) -> bool:
        """Take one line of pip's; whether it moved."""
        match = _PROGRESS.fullmatch(line.strip())
        if match:
            self._current = int(match["done"])
            self._expected = int(match["total"])
            return True
        if _BEGINS.match(line):
            self._finished += self._current
            self._current = self._expected = 0
        return False
