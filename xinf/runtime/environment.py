"""Building one environment from its lock: aside, verified, and then moved into place."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Report, Step
from xinf.runtime.intact import damage, site_packages
from xinf.runtime.lock import Pin, RuntimeLock, key_of
from xinf.runtime.pip import download, install
from xinf.runtime.preflight import python_minor
from xinf.runtime.process import run_to_end

# pip hands over its files at the end of a run. A large wheel gets a run of its own, so that it is
# kept when the next one is interrupted; small ones share one, for every run costs half a second.
ALONE_BYTES = 8 * 1024 * 1024
VERIFY_S = 120.0


class Environment:
    """`<home>/<name>/`, made from `lock`. Only ever touched by whoever holds its file lock."""

    def __init__(self, lock: RuntimeLock, path: Path, wheels: Path, clock: Clock) -> None:
        self._lock = lock
        self._path = path
        self._wheels = wheels
        self._clock = clock
        self._what = f"runtime {lock.variant}"

    @property
    def python(self) -> Path:
        return self._path / "bin" / "python"

    async def problem(self) -> str:
        """Why it must be built (again); empty if it is as it was when everything imported."""
        if not self.python.exists():
            return "it is not there"
        site = site_packages(self._path, python_minor())
        return await asyncio.to_thread(damage, site, self._lock.pins) or await self._complaint(
            self.python, ""
        )

    async def build(self, report: Report) -> None:
        """Download, install, verify, and move into place. Raises XinfError."""
        aside = self._path.with_name(f".{self._path.name}.new")
        await asyncio.to_thread(_clear, aside)
        await self._download(report)
        try:
            await self._install(aside, report)
            await asyncio.to_thread(self._move, aside)
        except XinfError as error:
            if error.code is ErrorCode.RUNTIME_UNAVAILABLE:
                # Perhaps it is the wheels that are damaged: the next try must not find them again.
                await asyncio.to_thread(_clear, self._wheels)
            raise
        finally:
            await asyncio.to_thread(_clear, aside)
        await asyncio.to_thread(_clear, self._wheels)

    async def _download(self, report: Report) -> None:
        total = self._lock.download_bytes
        missing = await asyncio.to_thread(self._missing)
        before = total - sum(pin.bytes for pin in missing)
        for group in _groups(missing):

            def tell(step: Step, before: int = before) -> None:
                report(Step(self._what, min(total, before + step.done), total))

            await self._fetch([pin.requirement for pin in group], tell)
            before += sum(pin.bytes for pin in group)
        report(Step(self._what, total, total))

    async def _fetch(self, requirements: Sequence[str], tell: Report) -> None:
        """Pip's own indexes first: whoever configured them knows this machine's network."""
        partial = self._wheels / "partial"
        try:
            await download(requirements, partial, tell, self._clock, what=self._what)
        except XinfError as error:
            if error.code is not ErrorCode.RUNTIME_UNAVAILABLE or not self._lock.index:
                raise
            place = self._lock.index
            await download(
                requirements, partial, tell, self._clock, what=self._what, extra_index=place
            )
        await asyncio.to_thread(self._keep, partial)

    def _keep(self, partial: Path) -> None:
        """Pip copies its files where it was told to, and may be killed while it does."""
        for wheel in partial.glob("*.whl"):
            wheel.replace(self._wheels / wheel.name)
        _clear(partial)

    def _missing(self) -> list[Pin]:
        """Pins without a wheel. A whole wheel appears under its name in one move."""
        self._wheels.mkdir(parents=True, exist_ok=True)
        _clear(self._wheels / "partial")
        there = {key_of(path.name) for path in self._wheels.glob("*.whl")}
        return [pin for pin in self._lock.pins if pin.key not in there]

    async def _install(self, aside: Path, report: Report) -> None:
        # uv or conda name no `ensurepip`; nothing here needs it, for xinf's own pip does the work.
        report(Step(f"installing {self._what}", 0, 2, "steps"))
        made = [sys.executable, "-m", "venv", "--without-pip", str(aside)]
        ended = await run_to_end(made, self._clock)
        if ended.code:
            raise _unavailable(self._what, f"no virtual environment could be made: {ended.tail}")
        requirements = [pin.requirement for pin in self._lock.pins]
        python = aside / "bin" / "python"
        await install(requirements, self._wheels, python, self._clock, what=self._what)
        report(Step(f"installing {self._what}", 1, 2, "steps"))
        code = "; ".join(f"import {module}" for module in self._lock.verify)
        problem = await self._complaint(python, code)
        if problem:
            raise _unavailable(self._what, f"was installed, but does not work: {problem}")
        report(Step(f"installing {self._what}", 2, 2, "steps"))

    async def _complaint(self, python: Path, code: str) -> str:
        """Why `python` cannot run `code`; empty if it can."""
        try:
            async with self._clock.timeout(VERIFY_S):
                ended = await run_to_end([str(python), "-P", "-c", code], self._clock)
        except TimeoutError:
            return f"importing {', '.join(self._lock.verify)} took longer than {VERIFY_S:.0f} s"
        except OSError as error:
            return f"{python} does not run: {error.strerror}"
        return ended.tail.strip().rpartition("\n")[2] if ended.code else ""

    def _move(self, aside: Path) -> None:
        """Into place, with a word about what it is; an old one goes only now."""
        pins = {pin.name: pin.version for pin in self._lock.pins}
        told = {"variant": self._lock.variant, "python": sys.version.split()[0], "packages": pins}
        (aside / "xinf-runtime.json").write_text(json.dumps(told, indent=2) + "\n")
        _clear(self._path)
        aside.rename(self._path)


def _groups(pins: Sequence[Pin]) -> Iterator[list[Pin]]:
    """Runs of pip: the small ones together, then each large one alone."""
    small = [pin for pin in pins if pin.bytes < ALONE_BYTES]
    if small:
        yield small
    for pin in pins:
        if pin.bytes >= ALONE_BYTES:
            yield [pin]


def _clear(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


def _unavailable(what: str, cause: str) -> XinfError:
    return XinfError(
        ErrorCode.RUNTIME_UNAVAILABLE,
        thing=what,
        cause=cause,
        next_step="Try again; if it stays so, delete `runtimes` in xinf's cache directory",
    )
