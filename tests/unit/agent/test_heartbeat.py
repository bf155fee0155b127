import logging
from dataclasses import replace

import pytest

from tests.support.clock import VirtualClock
from tests.support.store import records
from xinf.agent.heartbeat import MEMORY_STEP_BYTES, Heartbeat
from xinf.core.nodes import Device, DeviceProcess, Sighting
from xinf.meta.records import Records

CPU = Device("cpu", "cpu", 0, "some cpu", 8 * 1024**3, 0)


class Machine:
    """Devices as a test says."""

    def __init__(self, *devices: Device) -> None:
        self.now = Sighting(devices)

    async def look(self) -> Sighting:
        return self.now

    def heartbeat(self, store: Records) -> Heartbeat:
        return Heartbeat("local", self.look, store, VirtualClock(), 5)


async def test_memory_that_moves_a_little_is_not_written() -> None:
    machine = Machine(CPU)
    async with records(VirtualClock()) as store:
        heartbeat = machine.heartbeat(store)
        await heartbeat.beat()
        before = await store.nodes.get_entry("local")
        little = MEMORY_STEP_BYTES // 3
        for processes in ((), (DeviceProcess(7, "game", little),)):
            machine.now = Sighting((replace(CPU, memory_used=little, processes=processes),))
            await heartbeat.beat()
            if not processes:
                assert await store.nodes.get_entry("local") == before
        before = await store.nodes.get_entry("local")
        grown = (DeviceProcess(7, "game", little + 1),)
        machine.now = Sighting((replace(CPU, memory_used=little, processes=grown),))
        await heartbeat.beat()
        assert await store.nodes.get_entry("local") == before
        machine.now = Sighting((replace(CPU, memory_used=MEMORY_STEP_BYTES),))
        await heartbeat.beat()
        status = await store.nodes.get("local")
        assert status is not None
        assert status.devices[0].memory_used == MEMORY_STEP_BYTES


async def test_what_could_not_be_seen_is_written_with_its_reason_until_it_is_well() -> None:
    machine = Machine(CPU)
    async with records(VirtualClock()) as store:
        heartbeat = machine.heartbeat(store)
        machine.now = Sighting((CPU,), ("cuda:0 is lost", "cuda:1 is lost"))
        status = await heartbeat.beat()
        assert (status.is_degraded, status.reason) == (True, "cuda:0 is lost; cuda:1 is lost")
        assert await store.nodes.get("local") == status
        machine.now = Sighting((CPU,))
        status = await heartbeat.beat()
        assert (status.is_degraded, status.reason) == (False, "")
        assert await store.nodes.get("local") == status


async def test_a_trouble_is_logged_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "xinf.devices")
    machine = Machine(CPU)
    async with records(VirtualClock()) as store:
        heartbeat = machine.heartbeat(store)
        for problems in ((), ("lost",), ("lost",), ("worse",), (), ()):
            machine.now = Sighting((CPU,), problems)
            await heartbeat.beat()
    assert caplog.messages == ["lost", "worse", "all devices can be asked again"]
