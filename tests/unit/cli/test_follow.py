"""Following, in a time that stands still."""

import asyncio
import io
from collections.abc import AsyncGenerator

import pytest

from tests.support.admin import at, replica
from tests.support.clock import VirtualClock, settle
from xinf.cli.follow import SETTLE_S, deadline, follow, going_on
from xinf.client.views import Moment
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.states import EngineState

EMPTY = Moment((), (), ready=False)
DONE = Moment((), (), ready=True)


class Feed:
    """Moments, whenever a test gives one."""

    def __init__(self) -> None:
        self._given: asyncio.Queue[Moment | None] = asyncio.Queue()
        self.is_left = False

    def give(self, moment: Moment | None) -> None:
        self._given.put_nowait(moment)

    async def moments(self) -> AsyncGenerator[Moment]:
        try:
            while (moment := await self._given.get()) is not None:
                yield moment
        finally:
            self.is_left = True


def ready(moment: Moment) -> bool | None:
    return True if moment.ready else None


async def test_it_returns_at_the_moment_that_decides_and_leaves_the_feed() -> None:
    feed = Feed()
    feed.give(EMPTY)
    feed.give(DONE)
    assert await follow(feed.moments(), ready, clock=VirtualClock()) is True
    assert feed.is_left


async def test_a_provisional_verdict_holds_once_it_has_lasted() -> None:
    feed, clock = Feed(), VirtualClock()
    feed.give(DONE)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(
            follow(feed.moments(), ready, is_provisional=lambda _: True, clock=clock)
        )
        await clock.advance(SETTLE_S - 0.1)
        assert not following.done()
        # More of the same does not put it off.
        feed.give(DONE)
        await clock.advance(0.2)
    assert following.result() is True


async def test_a_provisional_verdict_falls_with_the_next_moment() -> None:
    feed, clock = Feed(), VirtualClock()
    feed.give(DONE)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(
            follow(feed.moments(), ready, is_provisional=lambda _: True, clock=clock)
        )
        await clock.advance(SETTLE_S / 2)
        feed.give(EMPTY)
        await clock.advance(SETTLE_S * 10)
        assert not following.done()
        following.cancel()


async def test_moments_that_end_undecided_mean_that_xinf_has_ended() -> None:
    feed = Feed()
    feed.give(None)
    with pytest.raises(XinfError) as caught:
        await follow(feed.moments(), ready, clock=VirtualClock())
    assert caught.value.code is ErrorCode.NOT_RUNNING


async def test_a_deadline_says_what_was_not_done() -> None:
    feed, clock = Feed(), VirtualClock()

    async def wait() -> None:
        async with deadline(clock, 60, "model x", lambda: "it is not ready"):
            await follow(feed.moments(), ready, clock=clock)

    waiting = asyncio.ensure_future(wait())
    await clock.advance(61)
    with pytest.raises(XinfError, match="model x: after 60 s it is not ready") as caught:
        await waiting
    assert caught.value.code is ErrorCode.TIMED_OUT
    assert feed.is_left


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def test_who_stops_following_hears_that_nothing_else_stops(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = VirtualClock()

    async def follow_for_ever(seconds: float) -> None:
        with going_on():
            async with deadline(clock, seconds, "model echo", "it is not ready"):
                await asyncio.Event().wait()

    late = asyncio.ensure_future(follow_for_ever(5.0))
    await clock.advance(6)
    with pytest.raises(XinfError):
        await late
    assert capsys.readouterr().err == ""
    interrupted = asyncio.ensure_future(follow_for_ever(5.0))
    await settle()
    interrupted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await interrupted
    assert capsys.readouterr().err == "xinf goes on with it\n"


async def test_on_a_terminal_there_are_bars_and_nothing_is_left_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    half = replica(state=EngineState.LOADING, progress=at("reading weights", 512, 1024))
    feed = Feed()
    feed.give(Moment((), (half,), ready=False))
    feed.give(DONE)
    await follow(feed.moments(), ready, clock=VirtualClock())
    drawn = terminal.getvalue()
    assert "reading weights" in drawn
    assert "512 B of 1.0 KiB" in drawn
    assert "\x1b[2K" in drawn.rpartition("reading weights")[2]
