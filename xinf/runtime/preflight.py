"""What can be known to go wrong before the first byte is downloaded."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.units import format_bytes
from xinf.runtime.lock import RuntimeLock

# A wheel, its unpacked content, and the bytecode and scratch space beside them. Measured for
# llamacpp-cpu: 45 MB of wheels become 150 MB.
DISK_FACTOR = 4


def python_minor() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def check_python(lock: RuntimeLock, minor: str) -> None:
    """Raises XinfError if the lock has no wheels for this Python."""
    if minor in lock.pythons:
        return
    raise XinfError(
        ErrorCode.RUNTIME_UNAVAILABLE,
        thing=f"runtime {lock.variant}",
        cause=f"it exists for Python {', '.join(lock.pythons)}, but xinf runs on {minor}",
        next_step=f"Run xinf with Python {lock.pythons[-1]}",
    )


def check_writable(folder: Path, thing: str) -> None:
    """Make `folder`. Raises XinfError if that, or writing into it, is not allowed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(folder, os.W_OK | os.X_OK)
        why = "this user may not write there"
    except OSError as error:
        is_writable, why = False, error.strerror or str(error)
    if not is_writable:
        raise XinfError(
            ErrorCode.RUNTIME_UNAVAILABLE,
            thing=thing,
            cause=f"it cannot be put into {folder}: {why}",
            next_step="Point XINF_CACHE_DIR to a directory that you may write to",
        )


def check_disk(folder: Path, needed: int, thing: str) -> None:
    """Raises XinfError if fewer than `needed` bytes are free where `folder` is."""
    free = shutil.disk_usage(folder).free
    if free >= needed:
        return
    raise XinfError(
        ErrorCode.DISK_FULL,
        thing=thing,
        cause=f"needs {format_bytes(needed)} in {folder}, where {format_bytes(free)} are free",
        next_step="Free some space, or point XINF_CACHE_DIR to a larger disk",
    )
