"""Whether a file has become another one: by looking, which works on every file system."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stamp:
    """What cannot stay the same when a file is written, replaced or moved."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def stamp_of(file: Path | None) -> Stamp | None:
    """The stamp of what `file` leads to; None if that is nothing."""
    if file is None:
        return None
    try:
        found = os.stat(file)
    except OSError:
        return None
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class FileWatch:
    """Tells of a change once the file has been left alone from one look to the next.

    An editor may empty a file before it writes it, or move it away before the new one comes; what
    is there in between is nobody's wish.
    """

    def __init__(self) -> None:
        self._told: Stamp | None = None
        self._seen: Stamp | None = None

    def take(self, stamp: Stamp | None) -> None:
        """What is there now is known: only what differs from it is a change."""
        self._told = self._seen = stamp

    def look(self, stamp: Stamp | None) -> bool:
        """Whether there is a change to tell of. Call it at a steady pace."""
        is_settled = stamp == self._seen
        self._seen = stamp
        if not is_settled or stamp == self._told:
            return False
        self._told = stamp
        return True
