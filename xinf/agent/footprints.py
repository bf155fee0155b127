"""Writes down the most that each kind of engine was seen to hold, and never often."""

from __future__ import annotations

import asyncio

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.footprints import MeasuredFootprint, peak
from xinf.core.units import MIB
from xinf.meta.records import Records

# A plan does not change for less (design.md §4).
PEAK_STEP_BYTES = 64 * MIB
# What grows while it is used grows in many steps.
PAUSE_S = 10.0


class Footprints:
    """Others note and go on; `run` writes. Only a new peak is worth a record."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._peaks: dict[str, MeasuredFootprint] = {}
        self._due: dict[str, MeasuredFootprint] = {}
        self._noted = asyncio.Event()

    def note(self, footprint: MeasuredFootprint) -> None:
        before = self._peaks.get(footprint.key)
        after = peak(before, footprint)
        if before is not None and _is_much_the_same(before, after):
            return
        self._peaks[footprint.key] = self._due[footprint.key] = after
        self._noted.set()

    async def run(self) -> None:
        """Write what is noted, for ever, with pauses."""
        while True:
            await self._noted.wait()
            await self.flush()
            await self._clock.sleep(PAUSE_S)

    async def flush(self) -> None:
        """Write all that was noted so far; what an earlier run saw counts too."""
        self._noted.clear()
        while self._due:
            key, footprint = self._due.popitem()
            before = await self._before(key)
            await self._records.footprints.put(key, peak(before, footprint))

    async def _before(self, key: str) -> MeasuredFootprint | None:
        """What an earlier run saw; nothing where that cannot be read any more."""
        try:
            return await self._records.footprints.get(key)
        except XinfError as error:
            if error.code is not ErrorCode.STORE_CORRUPT:
                raise
            return None


def _is_much_the_same(before: MeasuredFootprint, after: MeasuredFootprint) -> bool:
    numbers = (before.cache_bytes, before.context) == (after.cache_bytes, after.context)
    return numbers and after.memory_bytes - before.memory_bytes < PEAK_STEP_BYTES
