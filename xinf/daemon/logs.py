"""The daemon's own log: one file, bounded, never a prompt or a secret in it."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from xinf.core.units import MIB

# Two files of this size: days of an ordinary workstation.
LOG_BYTES_MAX = 8 * MIB
LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def logging_to(file: Path) -> Generator[None]:
    """Within the block, what `xinf.*` logs goes to `file`, which nobody else may write."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = RotatingFileHandler(file, maxBytes=LOG_BYTES_MAX, backupCount=1)
    handler.setFormatter(logging.Formatter(LINE))
    root = logging.getLogger("xinf")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
