"""Being told by the kernel that a file was written, made, replaced or removed.

Linux's inotify, called through ctypes and heard on the event loop: no thread, and no library for
two calls. What is watched is each file's directory, by name, so that a file that goes and comes
back, or is not there yet, is still the one that is meant.

Nobody is told what happened, only to look again. Where the kernel does not tell (another system,
inotify used up, a network file system) the caller's own look from time to time has to do.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

# inotify(7)
_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
_ONLY_DIRECTORIES = 0x01000000
_MASK = _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _ONLY_DIRECTORIES
# Events were dropped, because nobody read them: they may have been about anything.
_OVERFLOW = 0x4000

# struct inotify_event up to its name: watch, mask, cookie, length of the name with its padding.
_EVENT = struct.Struct("iIII")

# About 2,000 events. What does not fit makes the descriptor readable again at once.
_READ_BYTES = 64 * 1024


@contextmanager
def watch_files(files: Iterable[Path], changed: Callable[[], None]) -> Generator[bool]:
    """Within the block, `changed` is called on the loop's thread after any change of `files`.

    Yields whether the kernel will tell. A directory that is itself replaced is not followed, and a
    link is watched, not what it leads to.
    """
    with ExitStack() as owned:
        try:
            inotify = owned.enter_context(_instance())
            names = _watch(inotify, files)
            loop = asyncio.get_running_loop()
            loop.add_reader(inotify, _hear, inotify, names, changed)
        except (OSError, NotImplementedError):  # the latter: a loop without readers
            owned.close()
            yield False
            return
        owned.callback(loop.remove_reader, inotify)
        yield True


def _hear(inotify: int, names: Mapping[int, set[bytes]], changed: Callable[[], None]) -> None:
    with suppress(BlockingIOError):
        events = os.read(inotify, _READ_BYTES)
        if any(mask & _OVERFLOW or name in names[at] for at, mask, name in _parse(events)):
            changed()


def _parse(events: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Watch, mask and file name of each event."""
    start = 0
    while start < len(events):
        watch, mask, _, length = _EVENT.unpack_from(events, start)
        start += _EVENT.size
        yield watch, mask, events[start : start + length].rstrip(b"\0")
        start += length


@contextmanager
def _instance() -> Generator[int]:
    """A descriptor that events are read from. Raises OSError."""
    if sys.platform != "linux":
        raise OSError("inotify is Linux's")
    descriptor = _checked(_libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _watch(inotify: int, files: Iterable[Path]) -> Mapping[int, set[bytes]]:
    """The names to listen for, by watch. Raises OSError."""
    names: dict[int, set[bytes]] = {}
    for file in files:
        directory = os.fsencode(file.parent)
        # Once more for the same directory gives the same watch.
        watch = _checked(_libc().inotify_add_watch(inotify, directory, _MASK))
        names.setdefault(watch, set()).add(os.fsencode(file.name))
    return names


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
