"""Writes what the agent sees into the store: the newest record per replica, never in its way."""

from __future__ import annotations

import asyncio

from xinf.core.engines import RunningEngine
from xinf.core.progress import Progress
from xinf.meta.records import Records


class Publisher:
    """Others tell it and go on; `run` writes. A replica that changed thrice is written once."""

    def __init__(self, records: Records, node: str) -> None:
        self._records = records
        self._node = node
        self._engines: dict[str, RunningEngine | None] = {}
        self._progress: dict[str, Progress | None] = {}
        self._told = asyncio.Event()

    def publish(self, record: RunningEngine) -> None:
        self._engines[record.replica] = record
        self._told.set()

    def forget(self, replica: str) -> None:
        self._engines[replica] = None
        self._told.set()

    def tell_progress(self, replica: str, progress: Progress | None) -> None:
        self._progress[replica] = progress
        self._told.set()

    async def run(self) -> None:
        """Write what is told, for ever."""
        while True:
            await self._told.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write all that was told so far."""
        self._told.clear()
        while self._engines:
            replica, record = self._engines.popitem()
            name = f"{self._node}/{replica}"
            if record is None:
                await self._records.engines.delete(name)
            else:
                await self._records.engines.put(name, record)
        while self._progress:
            replica, progress = self._progress.popitem()
            name = f"{self._node}/{replica}"
            if progress is None:
                await self._records.progress.delete(name)
            else:
                await self._records.progress.put(name, progress)
