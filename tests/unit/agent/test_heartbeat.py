import logging
from dataclasses import replace

import pytest

from tests.support.clock import VirtualClock
from tests.support.store import records
from xinf.agent.heartbeat import MEMORY_STEP_BYTES, VITALS_INTERVAL_S, Heartbeat
from xinf.core.nodes import Device, DeviceProcess, Sighting, Vitals
from xinf.meta.records import Records

CPU = Device("cpu", "cpu", 0, "some cpu", 8 * 1024**3, 0)


class Machine:
    """Devices as a test says."""

    def __init__(self, *devices: Device) -> None:
        self.now = Sighting(devices)
        self.clock = VirtualClock()

    async def look(self) -> Sighting:
        return self.now

    def heartbeat(self, store: Records) -> Heartbeat:
        return Heartbeat("local", self.look, store, self.clock, 5)


async def revision(store: Records) -> int:
    entry = await store.nodes.get_entry("local")
    assert entry is not None
    return entry[1]


async def test_memory_that_moves_a_little_is_not_written() -> None:
    machine = Machine(CPU)
    async with records(VirtualClock()) as store:
        heartbeat = machine.heartbeat(store)
        await heartbeat.beat()
        before = await revision(store)
        machine.now = Sighting((replace(CPU, memory_used=MEMORY_STEP_BYTES - 1),))
        await heartbeat.beat()
        assert await revision(store) == before
        machine.now = Sighting((replace(CPU, memory_used=MEMORY_STEP_BYTES),))
        status = await heartbeat.beat()
        assert status.devices[0].memory_used == MEMORY_STEP_BYTES
        assert await store.nodes.get("local") == status


async def test_small_moves_add_up_and_one_to_and_fro_is_never_written() -> None:
    machine = Machine(CPU)
    async with records(VirtualClock()) as store:
        heartbeat = machine.heartbeat(store)
        written: list[int] = []
        third = MEMORY_STEP_BYTES // 3 + 1
        for used in (0, third, 2 * third, 3 * third, 2 * third, 3 * third, 4 * third, 3 * third):
            machine.now = Sighting((replace(CPU, memory_used=used),))
            status = await heartbeat.beat()
            written.append(status.devices[0].memory_used)
        assert written == [0, 0, 0, *[3 * third] * 5]


async def test_a_process_is_written_when_it_comes_goes_grows_or_gets_an_owner() -> None:
    machine = Machine(CPU)
    small = DeviceProcess(7, "game", 5)
    grown = replace(small, memory_bytes=5 + MEMORY_STEP_BYTES)
    owned = replace(grown, owner="echo/0")
    async with records(VirtualClock()) as store:
        heartbeat = machine.heartbeat(store)
        await heartbeat.beat()
        before = await revision(store)
        for process in (small, grown, owned, None):
            processes = (process,) if process else ()
            machine.now = Sighting((replace(CPU, processes=processes),))
            for _ in range(2):
                status = await heartbeat.beat()
                assert status.devices[0].processes == processes
            assert await revision(store) == before + 1
            before += 1
        machine.now = Sighting((replace(CPU, processes=(replace(small, memory_bytes=9),)),))
        await heartbeat.beat()
        before = await revision(store)
        machine.now = Sighting((replace(CPU, processes=(small,)),))
        await heartbeat.beat()
        assert await revision(store) == before


async def test_how_devices_fare_is_written_now_and_then_only() -> None:
    machine = Machine(CPU)
    async with records(VirtualClock()) as store:
        heartbeat = machine.heartbeat(store)
        await heartbeat.beat()
        before = await revision(store)
        machine.now = Sighting((replace(CPU, vitals=Vitals(temperature=60)),))
        await machine.clock.advance(VITALS_INTERVAL_S - 1)
        await heartbeat.beat()
        assert await revision(store) == before
        await machine.clock.advance(1)
        status = await heartbeat.beat()
        assert status.devices[0].vitals.temperature == 60
        assert await store.nodes.get("local") == status
        before = await revision(store)
        await machine.clock.advance(VITALS_INTERVAL_S)
        await heartbeat.beat()
        assert await revision(store) == before


async def test_a_device_that_is_lost_is_written_as_such() -> None:
    machine = Machine(CPU)
    async with records(VirtualClock()) as store:
        heartbeat = machine.heartbeat(store)
        await heartbeat.beat()
        machine.now = Sighting((CPU,), ("cuda:0 (GPU-1) is lost",), ("GPU-1",))
        await heartbeat.beat()
        status = await store.nodes.get("local")
        assert status is not None
        assert status.lost == ("GPU-1",)


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
