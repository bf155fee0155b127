import asyncio
import subprocess
import sys
import threading

import pytest

from tests.support.clock import VirtualClock, settle
from xinf.clock import SystemClock
from xinf.device.call import BoundedCall


async def test_a_call_that_returns_is_told() -> None:
    assert await BoundedCall(lambda: 7, SystemClock(), "t").within(60) == 7


async def test_what_a_call_raises_is_raised() -> None:
    def fail() -> None:
        raise OSError("no driver")

    with pytest.raises(OSError, match="no driver"):
        await BoundedCall(fail, SystemClock(), "t").within(60)


async def test_a_late_answer_is_waited_for_but_one_that_nobody_heard_is_too_old() -> None:
    clock, go, calls = VirtualClock(), threading.Event(), iter(range(9))

    def slow() -> int:
        number = next(calls)
        go.wait(60)
        return number

    call = BoundedCall(slow, clock, "t")
    for _ in range(2):
        asking = asyncio.ensure_future(call.within(5))
        await settle()
        await clock.advance(5)
        with pytest.raises(TimeoutError):
            await asking
    late = asyncio.ensure_future(call.within(5))
    await settle()
    go.set()
    assert await late == 0
    assert await call.within(5) == 1


async def test_cancelling_leaves_at_once_and_the_next_one_waits_for_the_same_call() -> None:
    go, calls = threading.Event(), iter(range(9))

    def slow() -> int:
        number = next(calls)
        go.wait(60)
        return number

    call = BoundedCall(slow, SystemClock(), "t")
    asking = asyncio.ensure_future(call.within(60))
    await settle()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    again = asyncio.ensure_future(call.within(60))
    await settle()
    go.set()
    assert await again == 0


HANGING = """
import asyncio, threading
from xinf.clock import SystemClock
from xinf.device.call import BoundedCall

async def main():
    try:
        await BoundedCall(threading.Event().wait, SystemClock(), "t").within(0.01)
    except TimeoutError:
        print("left")

asyncio.run(main())
"""


def test_a_call_that_hangs_for_ever_does_not_keep_a_process_from_ending() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")
