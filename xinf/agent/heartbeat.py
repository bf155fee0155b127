"""What this node's devices are and how full, looked at again and again.

The store is told of what a plan could depend on at once, and of how the devices fare otherwise only
now and then: it is no place for measurements (design.md §4).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from xinf.core.clock import Clock
from xinf.core.nodes import Device, NodeStatus, Sighting, Vitals
from xinf.core.units import MIB
from xinf.meta.records import Records

log = logging.getLogger("xinf.devices")

# Memory that moves by less is not written: no plan changes for it.
MEMORY_STEP_BYTES = 64 * MIB
# Temperatures and the like, for whoever watches; a plan does not ask for them.
VITALS_INTERVAL_S = 10.0


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
        self._written: NodeStatus | None = None
        self._written_at = 0.0

    async def beat(self) -> NodeStatus:
        """Look once, and write what was seen where that is worth it. Returns what stands."""
        seen = await self._sample()
        reason = "; ".join(seen.problems)
        self._tell(reason)
        status = NodeStatus(
            self._node,
            steady(seen.devices, self._written.devices if self._written else ()),
            is_degraded=bool(reason),
            reason=reason,
            at=self._clock.wall(),
            lost=seen.lost,
        )
        if self._written is not None and not self._is_news(self._written, status):
            return self._written
        await self._records.nodes.put(self._node, status)
        self._written, self._written_at = status, self._clock.now()
        return status

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._interval_s)
            await self.beat()

    def _is_news(self, before: NodeStatus, status: NodeStatus) -> bool:
        if for_plans(status) != for_plans(before):
            return True
        is_due = self._clock.now() - self._written_at >= VITALS_INTERVAL_S
        return is_due and status.devices != before.devices

    def _tell(self, reason: str) -> None:
        """Into the log, once for each trouble and not at every beat."""
        if reason and reason != self._reason:
            log.warning("%s", reason)
        elif self._reason and not reason:
            log.info("all devices can be asked again")
        self._reason = reason


def for_plans(status: NodeStatus) -> NodeStatus:
    """A status without what no plan depends on: the time, and how devices fare."""
    devices = tuple(replace(device, vitals=Vitals()) for device in status.devices)
    return replace(status, devices=devices, at=0.0)


def steady(devices: tuple[Device, ...], before: tuple[Device, ...]) -> tuple[Device, ...]:
    """The devices, with memory as it was `before` where it has moved by less than a step.

    Small moves are not lost: they are measured against what was told, and so add up.
    """
    known = {device.uuid: device for device in before}
    return tuple(_steady(device, known.get(device.uuid)) for device in devices)


def _steady(device: Device, before: Device | None) -> Device:
    if before is None:
        return device
    held = {process.pid: process.memory_bytes for process in before.processes}
    processes = tuple(
        replace(process, memory_bytes=_in_steps(process.memory_bytes, held.get(process.pid)))
        for process in device.processes
    )
    used = _in_steps(device.memory_used, before.memory_used)
    return replace(device, memory_used=used, processes=processes)


def _in_steps(size: int, before: int | None) -> int:
    return size if before is None or abs(size - before) >= MEMORY_STEP_BYTES else before
