"""Jobs are whole, in order, and over when the owner leaves, whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.hurry import HurriedClock
from xinf.clock import SystemClock
from xinf.meta.store import StoreClosed
from xinf.meta.worker import Inline, OwnThread, Worker

LONG_S = 10.0


class Gate:
    """A job that is under way until it is let through."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.passed = False

    def job(self) -> None:
        self.entered.set()
        assert self.opened.wait(LONG_S)
        self.passed = True

    async def wait_entered(self) -> None:
        await asyncio.to_thread(self.entered.wait, LONG_S)


async def close(worker: Worker, last: Callable[[], None] = lambda: None) -> None:
    await worker.close(last, within_s=LONG_S, clock=SystemClock())


async def test_all_jobs_run_in_one_thread_that_is_not_the_loops() -> None:
    worker = OwnThread("test")
    threads = {await worker.call(threading.get_ident) for _ in range(5)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    await close(worker)


async def test_no_thread_is_left_after_closing() -> None:
    worker = OwnThread("test-left")
    await worker.call(threading.get_ident)
    await close(worker)
    assert not [each for each in threading.enumerate() if each.name.startswith("test-left")]


async def test_a_job_under_way_is_finished_although_its_caller_is_cancelled() -> None:
    worker, gate = OwnThread("test"), Gate()
    caller = asyncio.ensure_future(worker.call(gate.job))
    await gate.wait_entered()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.opened.set()
    assert await worker.call(lambda: gate.passed)
    await close(worker)


async def test_a_job_that_waits_is_taken_back_with_its_caller() -> None:
    worker, gate, ran = OwnThread("test"), Gate(), list[str]()
    first = asyncio.ensure_future(worker.call(gate.job))
    await gate.wait_entered()
    second = asyncio.ensure_future(worker.call(lambda: ran.append("second")))
    third = asyncio.ensure_future(worker.call(lambda: ran.append("third")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.opened.set()
    await asyncio.gather(first, third)
    assert ran == ["third"]
    await close(worker)


async def test_closing_finishes_what_was_asked_for_and_then_takes_nothing_more() -> None:
    worker, gate, ran = OwnThread("test"), Gate(), list[str]()
    first = asyncio.ensure_future(worker.call(gate.job))
    await gate.wait_entered()
    second = asyncio.ensure_future(worker.call(lambda: ran.append("second")))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(close(worker, lambda: ran.append("last")))
    await asyncio.sleep(0)
    with pytest.raises(StoreClosed):
        await worker.call(lambda: ran.append("late"))
    gate.opened.set()
    await asyncio.gather(first, second, closing)
    assert ran == ["second", "last"]


async def test_closing_does_not_wait_for_ever_for_a_stuck_job() -> None:
    worker, gate = OwnThread("test"), Gate()
    stuck = asyncio.ensure_future(worker.call(gate.job))
    await gate.wait_entered()
    ended = threading.Event()
    await worker.close(ended.set, within_s=1, clock=HurriedClock())
    assert not ended.is_set()
    gate.opened.set()
    await stuck
    assert await asyncio.to_thread(ended.wait, LONG_S)  # late, but done


async def test_closing_that_is_cancelled_closes_all_the_same() -> None:
    worker, gate = OwnThread("test"), Gate()
    stuck = asyncio.ensure_future(worker.call(gate.job))
    await gate.wait_entered()
    ended = threading.Event()
    closing = asyncio.ensure_future(close(worker, ended.set))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    gate.opened.set()
    await stuck
    assert await asyncio.to_thread(ended.wait, LONG_S)


async def test_a_job_tells_the_loop_from_its_thread() -> None:
    worker, told = OwnThread("test"), asyncio.Event()
    await worker.call(partial(worker.notify, told.set))
    async with asyncio.timeout(LONG_S):
        await told.wait()
    await close(worker)


@pytest.mark.parametrize("make", [Inline, partial(OwnThread, "test")])
async def test_what_a_job_raises_reaches_its_caller_and_hurts_nobody_else(
    make: Callable[[], Worker],
) -> None:
    worker = make()
    with pytest.raises(ZeroDivisionError):
        await worker.call(lambda: 1 // 0)
    assert await worker.call(lambda: "next") == "next"
    await close(worker)


async def test_inline_a_job_is_done_in_the_callers_turn_and_closing_is_final() -> None:
    worker, ran = Inline(), list[str]()
    assert await worker.call(threading.get_ident) == threading.get_ident()
    worker.notify(partial(ran.append, "told"))
    await close(worker, partial(ran.append, "last"))
    await close(worker, partial(ran.append, "again"))
    assert ran == ["told", "last"]
    with pytest.raises(StoreClosed):
        await worker.call(lambda: None)
