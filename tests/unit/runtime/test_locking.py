import asyncio
from pathlib import Path

from tests.support.clock import VirtualClock, settle
from xinf.runtime.locking import POLL_S, file_lock


async def test_the_second_waits_until_the_first_has_left(tmp_path: Path) -> None:
    clock, seen = VirtualClock(), list[str]()

    async def second() -> None:
        async with file_lock(tmp_path / "lock", clock, lambda: seen.append("waits")):
            seen.append("in")

    async with file_lock(tmp_path / "lock", clock):
        waiting = asyncio.create_task(second())
        await clock.advance(10 * POLL_S)
        assert seen == ["waits"]
    await clock.advance(POLL_S)
    await waiting
    assert seen == ["waits", "in"]


async def test_one_who_is_cancelled_while_waiting_leaves_nothing_behind(tmp_path: Path) -> None:
    clock = VirtualClock()

    async def enter() -> None:
        async with file_lock(tmp_path / "lock", clock):
            raise AssertionError("it is taken")

    async with file_lock(tmp_path / "lock", clock):
        waiting = asyncio.create_task(enter())
        await settle()
        waiting.cancel()
        await settle()
        assert waiting.cancelled()
    async with file_lock(tmp_path / "lock", clock):
        pass
