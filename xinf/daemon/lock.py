"""One xinf per state directory: the lock is the kernel's, so it dies with its holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from xinf.core.errors import ErrorCode, XinfError
from xinf.daemon.roles import Role

_SPOKEN: Mapping[Role, str] = MappingProxyType(
    {Role.CONTROL: "xinf", Role.WORKER: "the worker of xinf"}
)


@contextmanager
def role_lock(state_dir: Path, role: Role) -> Generator[None]:
    """Hold `role` of this state directory.

    Raises XinfError(ALREADY_RUNNING) naming the holder.
    """
    path = _file(state_dir, role)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = os.read(descriptor, 32).decode(errors="replace").strip()
            raise taken(state_dir, role, told) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def taken(state_dir: Path, role: Role, pid: str) -> XinfError:
    """What is told to whoever wants a role that the process `pid` has."""
    return XinfError(
        ErrorCode.ALREADY_RUNNING,
        thing=f"{_SPOKEN[role]} on {state_dir}",
        cause=f"is already running, as pid {pid or 'unknown'}",
        next_step="Use it (`xinf ps`), stop it (`xinf down`), or set XINF_STATE_DIR "
        "and XINF_SERVER__PORT for a second one",
    )


def holder(state_dir: Path, role: Role) -> int | None:
    """The process that holds `role` of this state directory; None if none of ours does.

    Looks only, so it is in nobody's way. Reads a part of /proc: a millisecond or so.
    """
    path = _file(state_dir, role)
    try:
        pid = int(path.read_text())
        return pid if _has_locked(pid, path.stat()) else None
    except (OSError, ValueError):
        return None


def _has_locked(pid: int, file: os.stat_result) -> bool:
    """By the process's own descriptors: one that only got the pid later has none of this file."""
    process = Path(f"/proc/{pid}")
    for descriptor in (process / "fd").iterdir():
        try:
            if os.path.samestat(descriptor.stat(), file):
                return "FLOCK" in (process / "fdinfo" / descriptor.name).read_text()
        except FileNotFoundError:
            continue  # it was closed meanwhile
    return False


def _file(state_dir: Path, role: Role) -> Path:
    return state_dir / f"{role}.lock"
