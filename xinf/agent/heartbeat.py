"""What this node's devices are and how full, looked at again and again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from xinf.core.clock import Clock
from xinf.core.nodes import Device, DeviceProcess, NodeStatus, Sighting
from xinf.core.units import MIB
from xinf.meta.records import Records

log = logging.getLogger("xinf.devices")

# Only what a plan could depend on is written: memory in steps, not each page (design.md §4).
MEMORY_STEP_BYTES = 64 * MIB


class Heartbeat:
    """`sample` asks the devices, and answers in bounded time whatever they do."""

    def __init__(
        self,
        node: str,
        sample: Callable[[], Awaitable[Sighting]],
        records: Records,
        clock: Clock,
        interval_s: float,
    ) -> None:
        self._node = node
        self._sample = sample
        self._records = records
        self._clock = clock
        self._interval_s = interval_s
        self._reason = ""

    async def beat(self) -> NodeStatus:
        """Look once and write what was seen."""
        seen = await self._sample()
        reason = "; ".join(seen.problems)
        self._tell(reason)
        devices = tuple(_coarse(each) for each in seen.devices)
        status = NodeStatus(self._node, devices, is_degraded=bool(reason), reason=reason)
        await self._records.nodes.put(self._node, status)
        return status

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._interval_s)
            await self.beat()

    def _tell(self, reason: str) -> None:
        """Into the log, once for each trouble and not at every beat."""
        if reason and reason != self._reason:
            log.warning("%s", reason)
        elif self._reason and not reason:
            log.info("all devices can be asked again")
        self._reason = reason


def _coarse(device: Device) -> Device:
    processes = tuple(
        DeviceProcess(each.pid, each.name, _in_steps(each.memory_bytes))
        for each in device.processes
    )
    return replace(device, memory_used=_in_steps(device.memory_used), processes=processes)


def _in_steps(size: int) -> int:
    return round(size / MEMORY_STEP_BYTES) * MEMORY_STEP_BYTES
