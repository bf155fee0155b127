import asyncio

import pytest

from xinf.protocol.tasks import Tasks


async def test_leaving_the_block_ends_what_still_runs() -> None:
    async with Tasks() as tasks:
        task = tasks.start(asyncio.Event().wait(), "waits for ever")
        await asyncio.sleep(0)
    assert task.cancelled()


async def test_a_task_that_ends_leaves_the_others_and_the_block_alone() -> None:
    async def seven() -> int:
        return 7

    async with Tasks() as tasks:
        other = tasks.start(asyncio.Event().wait(), "waits for ever")
        assert await tasks.start(seven(), "seven") == 7
        assert not other.done()


async def test_a_failure_is_raised_when_the_block_is_left_and_not_before() -> None:
    after: list[str] = []

    async def fail() -> None:
        raise ValueError("broken")

    async def block() -> None:
        async with Tasks() as tasks:
            task = tasks.start(fail(), "fails")
            await asyncio.wait({task})
            after.append("the block went on")

    with pytest.raises(ValueError, match="broken"):
        await block()
    assert after == ["the block went on"]


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    async def fail() -> None:
        raise ValueError("the task's")

    async def block() -> None:
        async with Tasks() as tasks:
            await asyncio.wait({tasks.start(fail(), "fails")})
            raise KeyError("the block's")

    with pytest.raises(KeyError, match="the block's"):
        await block()


async def test_ending_early_waits_for_the_tasks_last_words() -> None:
    said: list[str] = []

    async def speak() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            said.append("bye")

    tasks = Tasks()
    tasks.start(speak(), "speaks")
    await asyncio.sleep(0)
    await tasks.end()
    assert said == ["bye"]
