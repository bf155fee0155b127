"""What this node's devices are and how full, looked at again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from xinf.core.clock import Clock
from xinf.core.nodes import Device, NodeStatus
from xinf.core.units import MIB
from xinf.meta.records import Records

# Only what a plan could depend on is written: memory in steps, not each page (design.md §4).
MEMORY_STEP_BYTES = 64 * MIB


class Heartbeat:
    """`sample` asks the devices; it may block, so it runs in a thread, one call at a time."""

    def __init__(
        self,
        node: str,
        sample: Callable[[], tuple[Device, ...]],
        records: Records,
        clock: Clock,
        interval_s: float,
    ) -> None:
        self._node = node
        self._sample = sample
        self._records = records
        self._clock = clock
        self._interval_s = interval_s

    async def beat(self) -> NodeStatus:
        """Look once and write what was seen."""
        devices = tuple(_coarse(each) for each in await asyncio.to_thread(self._sample))
        status = NodeStatus(self._node, devices)
        await self._records.nodes.put(self._node, status)
        return status

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._interval_s)
            await self.beat()


def _coarse(device: Device) -> Device:
    steps = round(device.memory_used / MEMORY_STEP_BYTES)
    return replace(device, memory_used=steps * MEMORY_STEP_BYTES)
