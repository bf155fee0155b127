"""One file, or one folder, out of a package's wheel."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Part:
    """What is taken out of a package: the file `path`, or the folder `path` with all `files`."""

    path: str
    files: tuple[str, ...]

    def bytes_in(self, sizes: Mapping[str, int]) -> int:
        return sum(sizes[name] for name in self.files)


def choose(files: Mapping[str, int], pattern: str, source: str) -> Part:
    """The one file, else the one folder, that `pattern` names by its path or its last part.

    Raises SOURCE_INVALID.
    """
    wanted = pattern or MODEL_PATTERN
    found = sorted(name for name in files if _matches(name, wanted))
    if len(found) == 1:
        return Part(found[0], (found[0],))
    folders = (
        [] if found else _outermost(name for name in _folders(files) if _matches(name, wanted))
    )
    if len(folders) == 1:
        inside = (name for name in files if PurePosixPath(name).is_relative_to(folders[0]))
        return Part(folders[0], tuple(sorted(inside)))
    raise _no_choice(files, found or folders, wanted, source)


async def unpack(wheel: Path, part: Part, into: Path, report: Report) -> None:
    """Stream `part` into the new file or folder `into`. Raises XinfError DISK_FULL or
    SOURCE_INVALID.
    """
    what = f"unpacking {PurePosixPath(part.path).name}"
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        report(Step(what, done, size))

    try:
        with zipfile.ZipFile(wheel) as archive:
            size = sum(archive.getinfo(name).file_size for name in part.files)
            for name in part.files:
                await _copy(archive, name, into / Path(name).relative_to(part.path), tell)
    except zipfile.BadZipFile as error:
        raise _invalid(wheel.name, f"the package is damaged: {error}", "Try again") from error
    except OSError as error:
        raise XinfError(
            ErrorCode.DISK_FULL,
            thing=what,
            cause=f"it cannot be written to {into.parent}: {error.strerror}",
            next_step="Free some space and try again",
        ) from error


async def _copy(
    archive: zipfile.ZipFile, name: str, into: Path, tell: Callable[[int], None]
) -> None:
    """`tell` hears how many bytes went after each stretch."""
    await asyncio.to_thread(into.parent.mkdir, parents=True, exist_ok=True)
    with archive.open(name) as packed, into.open("wb") as out:

        def copy_some() -> int:
            data = packed.read(CHUNK_BYTES)
            out.write(data)
            return len(data)

        while count := await asyncio.to_thread(copy_some):
            tell(count)


def _folders(files: Iterable[str]) -> set[str]:
    parents = (str(folder) for name in files for folder in PurePosixPath(name).parents)
    return set(parents) - {"."}


def _outermost(folders: Iterable[str]) -> list[str]:
    """Those that do not lie in another one of them."""
    found: list[str] = []
    for folder in sorted(folders):
        if not any(PurePosixPath(folder).is_relative_to(outer) for outer in found):
            found.append(folder)
    return found


def _no_choice(
    files: Mapping[str, int], found: Sequence[str], wanted: str, source: str
) -> XinfError:
    shown = found or sorted(files, key=lambda name: -files[name])
    listed = ", ".join(
        f"{name} ({format_bytes(files[name])})" if name in files else f"{name}/"
        for name in shown[:FILES_SHOWN]
    )
    kind = "files" if found and found[0] in files else "folders"
    count = f"{len(found)} {kind} match" if found else "no file matches"
    cause = f"{count} {wanted!r} in the package; it holds {listed}"
    return _invalid(source, cause, "Name one of them after a # in `source`")


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
