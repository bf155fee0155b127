from dataclasses import replace

from tests.support.clock import VirtualClock
from tests.support.store import records
from xinf.agent.heartbeat import MEMORY_STEP_BYTES, Heartbeat
from xinf.core.nodes import Device

CPU = Device("cpu", "cpu", 0, "some cpu", 8 * 1024**3, 0)


async def test_memory_that_moves_a_little_is_not_written() -> None:
    seen = [CPU]
    async with records(VirtualClock()) as store:
        heartbeat = Heartbeat("local", lambda: tuple(seen), store, VirtualClock(), 5)
        await heartbeat.beat()
        before = await store.nodes.get_entry("local")
        seen[0] = replace(CPU, memory_used=MEMORY_STEP_BYTES // 3)
        await heartbeat.beat()
        assert await store.nodes.get_entry("local") == before
        seen[0] = replace(CPU, memory_used=MEMORY_STEP_BYTES)
        await heartbeat.beat()
        status = await store.nodes.get("local")
        assert status is not None
        assert status.devices[0].memory_used == MEMORY_STEP_BYTES
