"""Engine environments: from the name of a runtime to an interpreter that can run its engine.

What takes long is reported; what was done is kept; and two processes that want the same build it
once. `sim` runs in xinf's own interpreter and needs none of this.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xinf.clock import SystemClock
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.progress import Report, Step
from xinf.runtime.environment import Environment
from xinf.runtime.lock import RuntimeLock
from xinf.runtime.locking import file_lock
from xinf.runtime.locks import SIM, Locks
from xinf.runtime.needs import DriverOf, check_needs, no_drivers
from xinf.runtime.own import check_own_python
from xinf.runtime.preflight import (
    DISK_FACTOR,
    check_disk,
    check_python,
    check_writable,
    python_minor,
)

# As long as a large runtime may take to download; then its builder hangs.
OTHER_BUILDER_S = 3600.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """An environment that works. `versions` are those of its packages."""

    variant: str
    python: Path
    versions: Mapping[str, str]


class Runtimes:
    """`cache_dir` holds them. `own_pythons` names, per variant, a user's own interpreter;
    `driver_of` tells what driver this machine has for a kind of device.
    """

    def __init__(
        self,
        cache_dir: Path,
        clock: Clock | None = None,
        own_pythons: Mapping[str, Path] | None = None,
        locks_dir: Path | None = None,
        driver_of: DriverOf = no_drivers,
    ) -> None:
        self._home = cache_dir / "runtimes"
        self._wheels = cache_dir / "wheels"
        self._clock = clock or SystemClock()
        self._own_pythons = own_pythons or {}
        self._locks = Locks(locks_dir)
        self._driver_of = driver_of
        # What was verified since this process began.
        self._ready: dict[str, Runtime] = {}

    def preflight(self, variant: str) -> None:
        """Everything that can be known to be missing before a download. Raises XinfError. Blocks
        for a moment.
        """
        if variant == SIM or variant in self._own_pythons:
            return
        lock, minor = self._locks.get(variant), python_minor()
        check_python(lock, minor)
        check_needs(lock, self._driver_of)
        check_writable(self._home, f"runtime {variant}")
        if not (self._home / lock.environment_name(minor)).exists():
            check_disk(self._home, lock.download_bytes * DISK_FACTOR, f"runtime {variant}")

    async def ensure(self, variant: str, report: Report) -> Runtime:
        """The runtime, built if need be. Raises XinfError."""
        known = self._ready.get(variant)
        if known is not None and known.python.exists():
            return known
        if variant == SIM:
            found = _own_interpreter()
        elif variant in self._own_pythons:
            found = await self._users_own(variant)
        else:
            await asyncio.to_thread(self.preflight, variant)
            found = await self._built(self._locks.get(variant), report)
        self._ready[variant] = found
        return found

    async def _built(self, lock: RuntimeLock, report: Report) -> Runtime:
        name = lock.environment_name(python_minor())
        path = self._home / name
        environment = Environment(lock, path, self._wheels / name, self._clock)

        def waiting() -> None:
            report(Step(f"waiting for another xinf that installs runtime {lock.variant}", unit=""))

        turn = file_lock(self._home / f"{name}.lock", self._clock, waiting)
        try:
            async with self._clock.timeout(OTHER_BUILDER_S), turn:
                known = self._ready.get(lock.variant)
                if known is not None and known.python.exists():
                    return known  # another replica's start has seen to it meanwhile
                if await environment.problem():
                    await environment.build(report)
        except TimeoutError as error:
            raise _stuck(lock.variant) from error
        versions = {pin.name: pin.version for pin in lock.pins}
        return Runtime(lock.variant, environment.python, versions)

    async def _users_own(self, variant: str) -> Runtime:
        python = self._own_pythons[variant]
        lock = self._locks.get(variant)
        return Runtime(variant, python, await check_own_python(python, lock, self._clock))


def _own_interpreter() -> Runtime:
    names = ("grpcio", "protobuf")
    return Runtime(
        SIM, Path(sys.executable), {name: importlib.metadata.version(name) for name in names}
    )


def _stuck(variant: str) -> XinfError:
    return XinfError(
        ErrorCode.TIMED_OUT,
        thing=f"runtime {variant}",
        cause=f"it was not ready after {OTHER_BUILDER_S / 60:.0f} minutes",
        next_step="Look for another xinf that hangs while it installs, end it, and try again",
    )
