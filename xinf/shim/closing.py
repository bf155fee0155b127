"""Giving an engine back, whatever state it is in."""

from __future__ import annotations

import asyncio

from xinf.shim.backends.base import EngineBackend
from xinf.shim.limits import Limits
from xinf.shim.log import say


async def close(backend: EngineBackend) -> None:
    """Bounded, and never raises: the process ends anyway."""
    try:
        async with asyncio.timeout(Limits().close_seconds):
            await backend.close()
    except Exception as problem:
        say(f"the engine did not close in order: {type(problem).__name__}: {problem}")
