"""A real store in a temporary file, its SQL in the caller's turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from xinf.core.clock import Clock
from xinf.meta.records import Records
from xinf.meta.sqlite import open_store


@asynccontextmanager
async def records(clock: Clock) -> AsyncIterator[Records]:
    with TemporaryDirectory() as folder:
        async with open_store(Path(folder) / "xinf.db", clock, inline=True) as store:
            yield Records(store)
