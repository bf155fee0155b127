"""`xinf apply`: another text becomes the config file that this xinf follows.

The file stays the one place that says what is declared. What stood in it is kept beside it, and the
new text takes its place whole, so that whoever reads it at any moment reads one or the other.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from xinf.config.source import ConfigSource
from xinf.core.changes import Applied
from xinf.core.errors import ErrorCode, XinfError

KEPT = ".before"


class Followed(Protocol):
    """The config file as `daemon.reload` follows it."""

    @property
    def file(self) -> Path | None: ...

    @property
    def problem(self) -> str | None: ...

    async def look(self) -> None: ...


class Applying:
    """One file after the other. `source` says where one would stand if there is none yet."""

    def __init__(self, source: ConfigSource, followed: Followed) -> None:
        self._source = source
        self._followed = followed
        self._turn = asyncio.Lock()

    async def apply(self, text: str, file: Path) -> Applied:
        """Follow `text`, which stands in `file`, from now on. Raises XinfError, and then nothing
        has changed, unless the store could not be written: then it is tried again by itself.
        """
        self._source.read_as(text, file)
        async with self._turn:
            target = self._followed.file or self._source.default_place()
            kept = None
            if not _is_same(file, target):
                kept = await asyncio.to_thread(put_in_place, target, text)
            await self._followed.look()
            if self._followed.problem is not None:
                raise _refused(target, self._followed.problem)
        return Applied(str(target), str(kept) if kept else "")


def put_in_place(target: Path, text: str) -> Path | None:
    """Write `text` to `target` whole; where what stood there is kept now. Blocks.

    Raises XinfError when that directory or disk does not allow it.
    """
    target = target.resolve()  # a link to the file stays one
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        kept = None
        if target.exists():
            kept = target.with_name(target.name + KEPT)
            _write(kept, target.read_bytes(), target.stat().st_mode)
        # It may hold tokens in a model's `env`, so that a new one is its owner's.
        _write(target, text.encode(), target.stat().st_mode if kept else 0o600)
    except OSError as error:
        raise XinfError(
            ErrorCode.CONFIG_INVALID,
            thing=f"config file {target}",
            cause=f"it could not be written ({error.strerror or error})",
            next_step="Write it yourself: xinf follows it",
        ) from error
    return kept


def _write(file: Path, data: bytes, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as new:
            os.fchmod(descriptor, mode & 0o777)
            new.write(data)
            new.flush()
            os.fsync(descriptor)
        Path(name).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _refused(target: Path, problem: str) -> XinfError:
    return XinfError(
        ErrorCode.CONFIG_INVALID,
        thing=f"config file {target}",
        cause=f"it is refused, and what was read before goes on: {problem}",
        next_step="Mend it: a save applies",
    )
