"""Opening the store's file: private, whole, of a schema we know, and made current.

A damaged file is moved aside, never deleted: what was desired comes again from the TOML files, what
was observed from reality. The file of a newer xinf is refused untouched.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.meta import schema
from xinf.meta.failures import is_damage

_LOCK_RETRY_S = 0.01


@dataclass(frozen=True, slots=True)
class Opened:
    """`notice` says that a damaged file was set aside, and where it is now."""

    connection: sqlite3.Connection
    notice: XinfError | None


class _Damaged(Exception):
    """The file was not, or not entirely, a database. It is at `kept` now."""

    def __init__(self, damage: str, kept: Path) -> None:
        super().__init__(damage)
        self.kept = kept


def open_file(path: Path, *, busy_timeout_s: float, wall: float) -> Opened:
    """A connection to a current file at `path`, made if need be. Blocks; call it under `alone`.

    The connection belongs to the calling thread. `wall` (seconds since the epoch) names the file
    that is set aside. Raises XinfError(STORE_NEWER), OSError, sqlite3.Error.
    """
    try:
        return Opened(_open(path, busy_timeout_s, wall), notice=None)
    except _Damaged as damage:
        notice = _notice(path, damage.kept, str(damage))
        return Opened(_open(path, busy_timeout_s, wall), notice)


@asynccontextmanager
async def alone(directory: Path, *, clock: Clock, within_s: float) -> AsyncGenerator[None]:
    """Nobody else opens a store in `directory` meanwhile, in this process or another.

    Two that make, migrate or set aside the same file at once would undo each other's work. Raises
    XinfError(STORE_UNAVAILABLE) if the other one takes longer than `within_s` seconds.
    """
    lock = _directory(directory)
    try:
        try:
            async with clock.timeout(within_s):
                while not _try_lock(lock):
                    await clock.sleep(_LOCK_RETRY_S)
        except TimeoutError:
            raise _opened_by_another(directory) from None
        yield
    finally:
        os.close(lock)  # and with it the lock


def _open(path: Path, busy_timeout_s: float, wall: float) -> sqlite3.Connection:
    """Raises _Damaged."""
    _make_private(path)
    with ExitStack() as undo:
        # No isolation level: the transactions are ours, Python begins none by itself.
        connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
        undo.callback(connection.close)
        damage = _damage(connection)
        if damage:
            # Before closing, which would delete the WAL: it may hold the best that is left.
            raise _Damaged(damage, kept=_set_aside(path, wall))
        _refuse_newer(connection, path)
        connection.execute("pragma journal_mode = wal")
        schema.install(connection)
        undo.pop_all()
    return connection


def _damage(connection: sqlite3.Connection) -> str | None:
    try:
        (verdict,) = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.Error as error:
        if is_damage(error):
            return str(error)
        raise
    return None if verdict == "ok" else verdict


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    unknown = schema.unknown_migrations(connection)
    if not unknown:
        return
    raise XinfError(
        ErrorCode.STORE_NEWER,
        thing=f"store {path}",
        cause=f"was written by a newer xinf (its schema has {', '.join(sorted(unknown))})",
        next_step="Use that version, or set XINF_STATE_DIR to another directory",
    )


def _make_private(path: Path) -> None:
    """An empty 0600 file if there is none. SQLite gives its side files the same mode."""
    try:
        # Never opens a file that is there: closing it again would drop the locks that SQLite holds
        # on it elsewhere in this process.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        for each in _with_side_files(path):
            if each.exists() and each.stat().st_mode & 0o077:
                each.chmod(0o600)


def _set_aside(path: Path, wall: float) -> Path:
    """Rename the file and what belongs to it; the new name says when."""
    stamp = datetime.fromtimestamp(wall, UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    count = 1
    while kept.exists():
        count += 1
        kept = path.with_name(f"{path.name}.damaged-{stamp}-{count}")
    for before, after in zip(_with_side_files(path), _with_side_files(kept), strict=True):
        with suppress(FileNotFoundError):
            before.rename(after)
    return kept


def _with_side_files(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm"))


def _notice(path: Path, kept: Path, damage: str) -> XinfError:
    return XinfError(
        ErrorCode.STORE_CORRUPT,
        thing=f"store {path}",
        cause=f"was damaged ({damage}); it is kept as {kept.name} and a new one was made",
        next_step="Launch again what was launched without a file; the rest comes back by itself",
    )


def _directory(directory: Path) -> int:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _opened_by_another(directory: Path) -> XinfError:
    return XinfError(
        ErrorCode.STORE_UNAVAILABLE,
        thing=f"state directory {directory}",
        cause="another process has been opening the store in it for too long",
        next_step="Try again, or end the other xinf",
    )
