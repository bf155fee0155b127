"""One xinf per state directory: the lock is the kernel's, so it dies with its holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from xinf.core.errors import ErrorCode, XinfError


@contextmanager
def role_lock(state_dir: Path, role: str) -> Generator[None]:
    """Hold `role` ("control" or "worker") of this state directory.

    Raises XinfError(ALREADY_RUNNING) naming the holder.
    """
    path = state_dir / f"{role}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            raise XinfError(
                ErrorCode.ALREADY_RUNNING,
                thing=f"xinf on {state_dir}",
                cause=f"is already running, as pid {holder or 'unknown'}",
                next_step="Use it (`xinf ps`), stop it (`xinf down`), or set XINF_STATE_DIR "
                "and XINF_SERVER__PORT for a second one",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
