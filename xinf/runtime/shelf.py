"""What there is of the runtimes on this machine, as it is found: nothing is imported or built."""

from __future__ import annotations

import asyncio
import importlib.metadata
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from xinf.core.clock import Clock
from xinf.runtime.intact import damage, site_packages
from xinf.runtime.lock import RuntimeLock, folded
from xinf.runtime.locks import SIM, Locks
from xinf.runtime.own import installed_in
from xinf.runtime.preflight import python_minor
from xinf.runtime.remains import remains, size_of

# The stubs' own libraries: all that the simulated engine needs besides Python.
SIM_PACKAGES = ("grpcio", "protobuf")


class RuntimeState(StrEnum):
    INSTALLED = "installed"
    MISSING = "missing"
    BROKEN = "broken"
    USER = "user"


@dataclass(frozen=True, slots=True)
class RuntimeView:
    """A row of `xinf runtime ls`. `size_bytes` is what `rm` would free: older builds and unfinished
    downloads count. `versions` are those of the packages in it, what was asked for first.
    """

    variant: str
    python: str | None
    state: RuntimeState
    size_bytes: int
    versions: Mapping[str, str]


class Shelf:
    """The runtimes in `cache_dir`. `own_pythons` names, per variant, a user's own interpreter."""

    def __init__(
        self, cache_dir: Path, own_pythons: Mapping[str, Path], clock: Clock, locks: Locks
    ) -> None:
        self._cache_dir = cache_dir
        self._own_pythons = own_pythons
        self._clock = clock
        self._locks = locks

    async def look(self) -> tuple[RuntimeView, ...]:
        """Every runtime that xinf knows, by name."""
        return tuple([await self.view(name) for name in sorted((SIM, *self._locks.names()))])

    async def view(self, variant: str) -> RuntimeView:
        """Raises NOT_FOUND."""
        if variant == SIM:
            found = {name: importlib.metadata.version(name) for name in SIM_PACKAGES}
            return RuntimeView(SIM, sys.executable, RuntimeState.INSTALLED, 0, found)
        lock = self._locks.get(variant)
        if variant in self._own_pythons:
            return await self._users_own(lock, self._own_pythons[variant])
        return await asyncio.to_thread(self._ours, lock)

    def _ours(self, lock: RuntimeLock) -> RuntimeView:
        size = self._size(lock)
        path = self._cache_dir / "runtimes" / lock.environment_name(python_minor())
        if not path.exists():
            return RuntimeView(lock.variant, None, RuntimeState.MISSING, size, {})
        python = path / "bin" / "python"
        site = site_packages(path, python_minor())
        found = _packages(site, lock)
        is_whole = python.exists() and not damage(site, lock.pins)
        state = RuntimeState.INSTALLED if is_whole else RuntimeState.BROKEN
        return RuntimeView(lock.variant, str(python), state, size, found)

    async def _users_own(self, lock: RuntimeLock, python: Path) -> RuntimeView:
        size = await asyncio.to_thread(self._size, lock)
        found = await installed_in(python, self._clock)
        state = RuntimeState.BROKEN if found is None else RuntimeState.USER
        return RuntimeView(lock.variant, str(python), state, size, _sorted(found or {}, lock))

    def _size(self, lock: RuntimeLock) -> int:
        return size_of(remains(self._cache_dir, lock.variant))


def _packages(site: Path, lock: RuntimeLock) -> dict[str, str]:
    found = importlib.metadata.distributions(path=[str(site)])
    return _sorted({each.metadata["Name"]: each.version for each in found}, lock)


def _sorted(versions: Mapping[str, str], lock: RuntimeLock) -> dict[str, str]:
    """As the lock spells them; first what it wants, then the rest by name."""
    spelled = {folded(pin.name): pin.name for pin in lock.pins}
    named = {spelled.get(folded(name), name): version for name, version in versions.items()}
    wanted = [folded(re.split(r"[^A-Za-z0-9._-]", want)[0]) for want in lock.wants]
    first = [name for want in wanted for name in named if folded(name) == want]
    return {name: named[name] for name in dict.fromkeys([*first, *sorted(named)])}
