from __future__ import annotations

import pytest

from xinf.clock import SystemClock
from xinf.core.clock import Clock


async def test_the_real_clock_never_runs_backwards_and_waits() -> None:
    clock: Clock = SystemClock()
    before = clock.now()
    await clock.sleep(0.001)
    assert clock.now() - before >= 0.001


def test_the_real_clock_tells_people_the_year() -> None:
    assert SystemClock().wall() > 1_600_000_000


async def test_a_timeout_ends_a_wait_that_would_never_end() -> None:
    clock = SystemClock()
    with pytest.raises(TimeoutError):
        async with clock.timeout(0.001):
            await clock.sleep(3600)
