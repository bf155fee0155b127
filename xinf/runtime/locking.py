"""One builder at a time, also across processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from xinf.core.clock import Clock

POLL_S = 0.2


@asynccontextmanager
async def file_lock(
    path: Path, clock: Clock, on_wait: Callable[[], None] = lambda: None
) -> AsyncGenerator[None]:
    """Hold `path` locked while the block lasts. The kernel frees it when its holder dies.

    `on_wait` is called once if somebody else holds it. Whoever calls bounds the wait.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _try_lock(descriptor):
            on_wait()
            while not _try_lock(descriptor):
                await clock.sleep(POLL_S)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
