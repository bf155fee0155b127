from __future__ import annotations

import asyncio

from tests.support.clock import VirtualClock, settle
from xinf.meta.doorbell import Doorbell


async def test_one_ring_wakes_everyone_who_listens() -> None:
    bell = Doorbell(VirtualClock())
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(bell.wait(bell.listen(), net_s=60))
        await settle()
        bell.ring()


async def test_a_ring_between_looking_and_waiting_is_heard() -> None:
    bell = Doorbell(VirtualClock())
    rung = bell.listen()
    bell.ring()
    await bell.wait(rung, net_s=60)  # time stands still: only the ring can end this


async def test_an_old_ring_does_not_wake_a_new_listener() -> None:
    clock = VirtualClock()
    bell = Doorbell(clock)
    bell.ring()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(bell.wait(bell.listen(), net_s=60))
        await clock.advance(59)
        assert not waiting.done()
        await clock.advance(2)
        assert waiting.done()
