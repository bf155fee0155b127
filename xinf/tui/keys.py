"""What a terminal sends when a key is pressed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from xinf.tui.state import Key

_KEYS: Mapping[bytes, Key] = MappingProxyType(
    {
        b"q": Key.QUIT,
        b"Q": Key.QUIT,
        b"\x03": Key.QUIT,
        b"\x04": Key.QUIT,
        b"k": Key.UP,
        b"j": Key.DOWN,
        b" ": Key.PAGE_DOWN,
        b"\x1b[A": Key.UP,
        b"\x1b[B": Key.DOWN,
        b"\x1bOA": Key.UP,
        b"\x1bOB": Key.DOWN,
        b"\x1b[5~": Key.PAGE_UP,
        b"\x1b[6~": Key.PAGE_DOWN,
    }
)
# A control sequence, one after SS3, or a byte; so that the letters of one are not taken for keys.
_PRESSED = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|.", re.DOTALL)


def keys(sent: bytes) -> Iterator[Key]:
    """The keys in `sent` that mean something."""
    for pressed in _PRESSED.findall(sent):
        if pressed in _KEYS:
            yield _KEYS[pressed]
