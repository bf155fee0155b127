"""Taking a runtime away. It comes back by itself when an engine needs it, so nobody is asked twice;
but never from under an engine, whoever's engine that is.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.runtime.locking import file_lock
from xinf.runtime.remains import environment_name, remains, size_of
from xinf.runtime.users import processes_in

# A builder holds its lock for minutes; whoever wants to remove meanwhile had better come again.
LOCK_S = 1.0


async def remove_runtime(cache_dir: Path, variant: str, clock: Clock) -> int:
    """All of it; the bytes that this freed, 0 if there was nothing.

    Raises IN_USE if somebody builds it just now, or an engine runs in it.
    """
    folders = await asyncio.to_thread(remains, cache_dir, variant)
    async with AsyncExitStack() as held:
        for name in sorted({environment_name(folder) for folder in folders}):
            lock = file_lock(cache_dir / "runtimes" / f"{name}.lock", clock)
            try:
                async with clock.timeout(LOCK_S):
                    await held.enter_async_context(lock)
            except TimeoutError:
                raise _being_built(variant) from None
        users = await asyncio.to_thread(processes_in, folders)
        if users:
            raise in_use(variant, [f"process {pid}" for pid in users])
        freed = await asyncio.to_thread(size_of, folders)
        await asyncio.to_thread(_remove, folders)
    return freed


def in_use(variant: str, users: Sequence[str]) -> XinfError:
    """`users` say who runs in it."""
    return XinfError(
        ErrorCode.IN_USE,
        thing=f"runtime {variant}",
        cause=f"it is in use by {', '.join(users)}",
        next_step="Stop that first: `xinf terminate NAME` a model, `xinf down` everything",
    )


def _being_built(variant: str) -> XinfError:
    return XinfError(
        ErrorCode.IN_USE,
        thing=f"runtime {variant}",
        cause="an xinf installs or checks it just now",
        next_step="Try again when that is done",
    )


def _remove(folders: Sequence[Path]) -> None:
    for folder in folders:
        # Out of the way in one step: half of an environment must never be taken for a whole one.
        aside = folder.with_name(f".{environment_name(folder)}.new")
        if aside != folder:
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
