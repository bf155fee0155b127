"""Files of the kernel's that hold one word or number each. A device may go while it is read."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

# Longer ones are no 64 bits; Python would take long to read them.
_NUMBER = re.compile(r"[0-9]{1,20}")


def text(path: Path) -> str:
    """Empty where there is no such file, or it cannot be read, as happens when a card is lost."""
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text().strip()
    return ""


def number(path: Path) -> int | None:
    """None where there is no number to be had."""
    return as_number(text(path))


def as_number(told: str) -> int | None:
    return int(told) if _NUMBER.fullmatch(told) else None


def program(proc: Path, pid: int) -> str:
    """What a process calls itself; empty where it has ended, or lives in another container."""
    return text(proc / str(pid) / "comm")
