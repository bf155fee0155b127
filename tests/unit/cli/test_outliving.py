import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from xinf.cli.outliving import unless_ended
from xinf.core.errors import ErrorCode, XinfError


@contextmanager
def process() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """One that ends when it is killed, and its pidfd."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        descriptor = os.pidfd_open(child.pid)
        yield child, descriptor
        child.kill()
        os.close(descriptor)


async def test_an_answer_of_a_living_process_is_the_answer() -> None:
    async def work() -> str:
        return "an answer"

    with process() as (child, descriptor):
        assert await unless_ended(descriptor, work()) == "an answer"
        assert child.poll() is None


async def test_a_process_that_ends_first_ends_the_wait() -> None:
    left: list[str] = []

    async def work() -> str:
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            left.append("nothing")

    with process() as (child, descriptor):
        waiting = asyncio.ensure_future(unless_ended(descriptor, work()))
        await asyncio.sleep(0)
        child.kill()
        assert await waiting is None
        assert left == ["nothing"]


async def test_who_does_not_answer_any_more_is_waited_for() -> None:
    async def work() -> str:
        raise XinfError(ErrorCode.NOT_RUNNING, cause="nobody listens")

    with process() as (child, descriptor):
        waiting = asyncio.ensure_future(unless_ended(descriptor, work()))
        await asyncio.sleep(0)
        assert not waiting.done()
        child.kill()
        assert await waiting is None


async def test_other_troubles_are_told() -> None:
    async def work() -> str:
        raise XinfError(ErrorCode.INTERNAL, cause="boom")

    with process() as (_, descriptor):
        with pytest.raises(ExceptionGroup) as caught:
            await unless_ended(descriptor, work())
        assert caught.group_contains(XinfError, match="boom")
