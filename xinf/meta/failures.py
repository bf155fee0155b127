"""What SQLite's errors mean to a user. What is left out is our own mistake and stays as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xinf.core.errors import ErrorCode, XinfError

# Primary result codes; https://sqlite.org/rescode.html
_PERM, _BUSY, _LOCKED, _READONLY, _IOERR = 3, 5, 6, 8, 10
_CORRUPT, _FULL, _CANTOPEN, _NOTADB = 11, 13, 14, 26

_END_THE_OTHER = "End the program that has the file open, e.g. a sqlite3 shell"
_CHECK_DIRECTORY = "Check that its directory is yours and can be written to"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file's content is broken, as opposed to being busy, unreachable or full."""
    return _primary(error) in {_CORRUPT, _NOTADB}


def explain(error: sqlite3.Error, path: Path) -> XinfError | None:
    """`error` as a user should see it; None if it is not about the file or the machine."""
    code = _primary(error)
    thing = f"store {path}"
    if is_damage(error):
        next_step = "Restart xinf: it sets the damaged file aside and makes a new one"
        return XinfError(
            ErrorCode.STORE_CORRUPT, thing=thing, cause=str(error), next_step=next_step
        )
    if code == _FULL:
        next_step = "Free some space, then try again"
        return XinfError(ErrorCode.DISK_FULL, thing=thing, cause=str(error), next_step=next_step)
    if code in {_BUSY, _LOCKED}:
        return _unavailable(path, "another process keeps it locked", _END_THE_OTHER)
    if code in {_PERM, _READONLY, _IOERR, _CANTOPEN}:
        return _unavailable(path, str(error), _CHECK_DIRECTORY)
    return None


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Around the opening of the file: what goes wrong in the block leaves it as a user's error."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) or error from error
    except OSError as error:
        cause = error.strerror or str(error)
        raise _unavailable(path, cause, _CHECK_DIRECTORY) from error


def _unavailable(path: Path, cause: str, next_step: str) -> XinfError:
    return XinfError(
        ErrorCode.STORE_UNAVAILABLE, thing=f"store {path}", cause=cause, next_step=next_step
    )


def _primary(error: sqlite3.Error) -> int | None:
    """Python's own complaints (a wrong parameter, a closed connection) carry no code."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
