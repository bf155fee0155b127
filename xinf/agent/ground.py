"""The devices under one replica: whether they are there, and what its engine holds on them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from xinf.agent.gate import Hindered
from xinf.agent.sightings import held_by, loss
from xinf.core.engines import RunningEngine
from xinf.core.footprints import MeasuredFootprint, held_on, measure
from xinf.core.nodes import Device, Sighting
from xinf.core.placement import ReplicaAssignment


class Ground:
    """`reported_bytes` is what the engine itself says that it holds on all of them together,
    `engine_version` what it is; both are told when they are known.

    What a real engine says of itself is main memory, and nothing about an accelerator's.
    """

    def __init__(self, assignment: ReplicaAssignment) -> None:
        self._assignment = assignment
        self._devices: dict[str, Device] = {}
        self._lost = asyncio.Event()
        self._loss = ""
        self.reported_bytes = 0
        self.engine_version = ""

    def sighted(self, seen: Sighting) -> None:
        """A look at all devices of the machine."""
        uuids = self._assignment.devices
        self._devices |= {each.uuid: each for each in seen.devices if each.uuid in uuids}
        ids = {uuid: device.id for uuid, device in self._devices.items()}
        lost = loss(seen, uuids, ids)
        if lost:
            self._loss = lost
            self._lost.set()
        else:
            self._lost.clear()

    async def wait_lost(self) -> None:
        """Until one of them is lost; then raises Hindered."""
        await self._lost.wait()
        raise Hindered(self._loss)

    def held(self) -> Mapping[str, int]:
        """Bytes by UUID; empty while nobody tells."""
        seen = held_by(self._assignment.replica, self._devices.values())
        return held_on(self._assignment.devices, seen, self.reported_bytes if self._knows() else 0)

    def _knows(self) -> bool:
        """Whether the engine itself can tell what it holds there; a simulated one pretends it."""
        is_cpu = all(device.kind == "cpu" for device in self._devices.values())
        return self._assignment.config.engine == "sim" or (bool(self._devices) and is_cpu)

    def measured(self, engine: RunningEngine, at: float) -> MeasuredFootprint | None:
        """What `engine` tells of its kind at `at` wall seconds; None while nothing is known."""
        first = next((uuid for uuid in self._assignment.devices if uuid in self._devices), None)
        if first is None:
            return None
        device = self._devices[first]
        return measure(engine, self._assignment, device, self.engine_version, at)
