"""What a shim leaves beside its socket for its agent: the status file and the exit file.

Each is replaced whole, so that a reader meets the old or the new text and never half of one. They
speak where the protocol cannot: before the socket exists and after it is gone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from xinf.shim.exits import Exit

# A loader may report every tensor; the agent looks a few times a second.
STATUS_INTERVAL_SECONDS = 0.1


class StatusFile:
    """`S.status`: {instance, pid, phase, progress, message}."""

    def __init__(self, socket: Path, instance: str) -> None:
        self._path = socket.with_name(socket.name + ".status")
        self._instance = instance
        self._said = ("", "")
        self._written_at = 0.0

    def report(self, phase: str, progress: float = 0.0, message: str = "") -> None:
        """Say where the start is. Mere progress may be skipped if it comes quickly."""
        now = time.monotonic()
        is_mere_progress = (phase, message) == self._said
        if is_mere_progress and now - self._written_at < STATUS_INTERVAL_SECONDS:
            return
        self._said, self._written_at = (phase, message), now
        replace_json(
            self._path,
            {
                "instance": self._instance,
                "pid": os.getpid(),
                "phase": phase,
                "progress": min(max(progress, 0.0), 1.0),
                "message": message,
            },
        )


def write_exit(socket: Path, end: Exit) -> None:
    """`S.exit`: {code, reason, at}, `at` in seconds since the epoch."""
    path = socket.with_name(socket.name + ".exit")
    replace_json(path, {"code": end.code, "reason": end.reason, "at": time.time()})


def replace_json(path: Path, value: Mapping[str, object]) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(value))
    beside.replace(path)
