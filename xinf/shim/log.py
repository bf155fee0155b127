"""The shim's log: one line of text per event, with the time, on stderr.

Never a prompt, an answer or a body: the file is kept, and shown to people.
"""

from __future__ import annotations

import logging
import sys
from datetime import datetime


def say(text: str) -> None:
    now = datetime.now().astimezone().isoformat(timespec="milliseconds")
    sys.stderr.write(f"{now} {one_line(text)}\n")
    sys.stderr.flush()


def one_line(text: str) -> str:
    return " | ".join(text.splitlines())


def adopt_libraries() -> None:
    """Give the warnings of gRPC, asyncio and engines the same shape."""
    root = logging.getLogger()
    root.addHandler(_Said())
    root.setLevel(logging.WARNING)


class _Said(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(f"{record.name} {record.levelname.lower()}: {self.format(record)}")
