"""The loop, with a faked xinf and page, on a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from rich.text import Text

from tests.support import pictures
from tests.support.admin import model, replica
from tests.support.clock import VirtualClock, settle
from xinf.client.views import DaemonStatus, Moment
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.events import Event, Severity
from xinf.meta.events import EventQuery, Recorded
from xinf.tui.history import EVENTS_SHOWN
from xinf.tui.live import Live
from xinf.tui.state import Key


class Xinf:
    """Answers with `status`, or raises `error`."""

    def __init__(self) -> None:
        self.tokens = 0
        self.error: XinfError | None = None
        self.moments: asyncio.Queue[Moment | None] = asyncio.Queue()

    def now(self) -> DaemonStatus:
        return pictures.status([model()], [replica(generated_tokens=self.tokens)])

    async def status(self) -> DaemonStatus:
        if self.error:
            raise self.error
        return self.now()

    async def events(self, query: EventQuery) -> tuple[Recorded, ...]:
        assert query.last == EVENTS_SHOWN
        happened = Event(0.0, "engine.ready", "echo/0", "engine is up", "echo", Severity.INFO)
        return (Recorded(1, happened),)

    async def watch(self) -> AsyncGenerator[Moment]:
        if self.error:
            raise self.error
        while (moment := await self.moments.get()) is not None:
            yield moment


class Page:
    def __init__(self) -> None:
        self.size = (100, 30)
        self.has_color = True
        self.frames: list[list[str]] = []

    def draw(self, lines: Sequence[Text]) -> None:
        self.frames.append([line.plain for line in lines])

    @property
    def text(self) -> str:
        return "\n".join(self.frames[-1])


class World:
    def __init__(self) -> None:
        self.clock, self.xinf, self.page = VirtualClock(), Xinf(), Page()
        self.live = Live(self.xinf, self.page, self.xinf.now(), self.clock)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """A view that is being shown; it must end when it is left."""
    w = World()
    async with asyncio.TaskGroup() as tasks:
        shown = tasks.create_task(w.live.run())
        await settle()
        yield w
        w.live.press(Key.QUIT)
        await w.clock.advance(1)
        assert shown.done()


async def test_the_last_events_stand_below_where_there_is_room() -> None:
    async with world() as w:
        await w.clock.advance(2)
        assert "engine is up" in w.page.text
        w.page.size = (100, 12)
        w.live.redraw()
        await w.clock.advance(2)
        assert "engine is up" not in w.page.text


async def test_the_first_frame_comes_at_once() -> None:
    async with world() as w:
        assert len(w.page.frames) == 1
        assert "echo/0" in w.page.text


async def test_every_second_tokens_are_counted() -> None:
    async with world() as w:
        w.xinf.tokens = 250
        await w.clock.advance(1.2)
        assert "250 tok/s" in w.page.text


async def test_a_change_is_drawn_before_the_next_second() -> None:
    async with world() as w:
        w.xinf.moments.put_nowait(Moment((model("newcomer"),), (), ready=True))
        await w.clock.advance(0.2)
        assert "newcomer" in w.page.text


async def test_a_storm_of_changes_is_drawn_ten_times_a_second() -> None:
    async with world() as w:
        before = len(w.page.frames)
        for number in range(500):
            w.xinf.moments.put_nowait(Moment((model(f"m{number}"),), (), ready=True))
            await w.clock.advance(0.001)
        assert 3 <= len(w.page.frames) - before <= 7
        await w.clock.advance(0.2)
        assert "m499" in w.page.text


async def test_xinf_may_end_and_come_back() -> None:
    async with world() as w:
        w.xinf.error = XinfError(ErrorCode.NOT_RUNNING, cause="gone")
        w.xinf.moments.put_nowait(None)
        await w.clock.advance(2.5)
        assert "xinf has ended" in w.page.text
        assert "echo/0" in w.page.text
        w.xinf.error = None
        await w.clock.advance(2.5)
        assert "xinf has ended" not in w.page.text
        w.xinf.moments.put_nowait(Moment((model("after"),), (), ready=True))
        await w.clock.advance(0.2)
        assert "after" in w.page.text


async def test_xinf_that_hangs_is_said_to_be_silent() -> None:
    async with world() as w:
        w.xinf.error = XinfError(ErrorCode.TIMED_OUT, cause="no answer")
        await w.clock.advance(7)
        assert "xinf has not answered for" in w.page.text


async def test_what_waiting_cannot_cure_ends_the_view() -> None:
    w = World()
    w.xinf.error = XinfError(ErrorCode.INTERNAL, cause="of another version")
    shown = asyncio.ensure_future(w.live.run())
    await w.clock.advance(2)
    with pytest.raises(ExceptionGroup) as caught:
        await shown
    assert caught.group_contains(XinfError, match="of another version")


async def test_a_new_size_is_drawn() -> None:
    async with world() as w:
        w.page.size = (60, 10)
        w.live.redraw()
        await w.clock.advance(0.2)
        assert len(w.page.frames[-1]) == 10
        assert max(map(len, w.page.frames[-1])) <= 60


async def test_keys_scroll_within_what_there_is() -> None:
    async with world() as w:
        w.page.size = (100, 8)
        for _ in range(50):
            w.live.press(Key.DOWN)
        await w.clock.advance(0.2)
        lowest = w.page.frames[-1]
        assert "echo/0" in w.page.text
        w.live.press(Key.UP)
        await w.clock.advance(0.2)
        assert w.page.frames[-1][2] == lowest[1]
