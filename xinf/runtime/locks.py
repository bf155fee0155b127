"""The locks that xinf ships, by the name of their runtime."""

from __future__ import annotations

from pathlib import Path

from xinf.config.data import config_data
from xinf.core.errors import ErrorCode, XinfError
from xinf.runtime.lock import RuntimeLock, read_lock

# Runs in xinf's own interpreter and needs no lock.
SIM = "sim"


class Locks:
    """`folder` holds them, one file each."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or config_data("runtimes")

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(each.stem for each in self._folder.glob("*.lock")))

    def get(self, variant: str) -> RuntimeLock:
        """Raises NOT_FOUND with those that there are."""
        if variant not in self.names():
            raise XinfError(
                ErrorCode.NOT_FOUND,
                thing=f"runtime {variant}",
                cause=f"there is none of that name; there are {', '.join([SIM, *self.names()])}",
                next_step="`xinf runtime ls` shows them",
            )
        return read_lock(self._folder / f"{variant}.lock")
