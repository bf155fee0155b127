"""What SQLite's errors mean to a user. What is left out is our own mistake and stays as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from xinf.core.errors import ErrorCode, XinfError

# Primary result codes; https://sqlite.org/rescode.html
_PERM, _BUSY, _LOCKED, _READONLY, _IOERR = 3, 5, 6, 8, 10
_CORRUPT, _FULL, _CANTOPEN, _NOTADB = 11, 13, 14, 26

_RESTART = "Restart xinf: it sets the damaged file aside and makes a new one"
_FREE_SPACE = "Free some space, then try again"
_END_THE_OTHER = "End the program that has the file open, e.g. a sqlite3 shell"
_CHECK_DIRECTORY = "Check that its directory is yours and can be written to"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file's content is broken, as opposed to being busy, unreachable or full."""
    return _primary(error) in {_CORRUPT, _NOTADB}


def explain(error: sqlite3.Error, path: Path) -> XinfError | None:
    """`error` as a user should see it; None if it is not about the file or the machine."""
    code, cause = _primary(error), str(error)
    if is_damage(error):
        return _problem(ErrorCode.STORE_CORRUPT, path, cause, _RESTART)
    if code == _FULL:
        return _problem(ErrorCode.DISK_FULL, path, cause, _FREE_SPACE)
    if code in {_BUSY, _LOCKED}:
        cause = "another process keeps it locked"
        return _problem(ErrorCode.STORE_UNAVAILABLE, path, cause, _END_THE_OTHER)
    if code in {_PERM, _READONLY, _IOERR, _CANTOPEN}:
        return _problem(ErrorCode.STORE_UNAVAILABLE, path, cause, _CHECK_DIRECTORY)
    return None


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Around the opening of the file: what goes wrong in the block leaves it as a user's error."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) or error from error
    except OSError as error:
        cause = error.strerror or str(error)
        raise _problem(ErrorCode.STORE_UNAVAILABLE, path, cause, _CHECK_DIRECTORY) from error


def _problem(code: ErrorCode, path: Path, cause: str, next_step: str) -> XinfError:
    return XinfError(code, thing=f"store {path}", cause=cause, next_step=next_step)


def _primary(error: sqlite3.Error) -> int | None:
    """Python's own complaints (a wrong parameter, a closed connection) carry no code."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
