"""The only loop of a live view: what happens becomes state, state becomes a frame, ten a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from rich.text import Text

from xinf.client.views import DaemonStatus, Moment
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.meta.events import EventQuery, Recorded
from xinf.tui.canvas import Canvas
from xinf.tui.frame import frame
from xinf.tui.history import EVENTS_SHOWN, history_lines
from xinf.tui.state import Changed, Event, Key, Lost, Pressed, Seen, Ticked, begin, fold
from xinf.tui.viewport import viewport

TICK_S = 1.0
# Ten frames a second look immediate; what changes in between is in the next.
FRAME_S = 0.1
# It ends, it hangs, it starts again: all of that is to be shown. Other errors end the view.
_PASSING = frozenset({ErrorCode.NOT_RUNNING, ErrorCode.TIMED_OUT, ErrorCode.SHUTTING_DOWN})


class Source(Protocol):
    """The running xinf, as client.admin knows it."""

    async def status(self) -> DaemonStatus: ...
    async def events(self, query: EventQuery) -> tuple[Recorded, ...]: ...
    def watch(self) -> AsyncGenerator[Moment]:
        """Everything now and at every change; ends when the daemon does."""
        ...


class Page(Protocol):
    """Where frames are drawn."""

    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def has_color(self) -> bool: ...
    def draw(self, lines: Sequence[Text]) -> None: ...


class Live:
    """One view, from its first look until somebody leaves it. `press` and `redraw` may be called
    from callbacks of the event loop.
    """

    def __init__(self, source: Source, page: Page, first: DaemonStatus, clock: Clock) -> None:
        self._source = source
        self._page = page
        self._clock = clock
        self._state = begin(Seen(first, clock.now(), clock.wall()))
        self._is_stale = asyncio.Event()

    def press(self, key: Key) -> None:
        self._tell(Pressed(key, page=max(self._page.size[1] - 3, 1)))

    def redraw(self) -> None:
        """The page is not what it was, for example of another size."""
        self._is_stale.set()

    async def run(self) -> None:
        """Show until QUIT is pressed. Raises XinfError for what waiting cannot cure."""
        async with asyncio.TaskGroup() as tasks:
            feeds = [
                tasks.create_task(self._look()),
                tasks.create_task(self._listen()),
                tasks.create_task(self._tick()),
            ]
            await self._show()
            for feed in feeds:
                feed.cancel()

    async def _show(self) -> None:
        while not self._state.is_over:
            self._is_stale.clear()
            self._draw()
            await self._is_stale.wait()
            if not self._state.is_over:
                await self._clock.sleep(FRAME_S)

    def _draw(self) -> None:
        width, height = self._page.size
        canvas = Canvas(width, self._page.has_color)
        lines = frame(self._state.picture(), canvas)
        # The head of a page and its line of help are not the events'.
        lines += history_lines(self._state.events, canvas, height - len(lines) - 1)
        seen = viewport(lines, width, height, self._state.offset)
        self._state = replace(self._state, offset=seen.offset)
        self._page.draw(seen.lines)

    async def _look(self) -> None:
        while True:
            await self._clock.sleep(TICK_S)
            try:
                status = await self._source.status()
                recent = await self._source.events(EventQuery(last=EVENTS_SHOWN))
            except XinfError as error:
                _raise_unless_passing(error)
                if error.code is not ErrorCode.TIMED_OUT:
                    self._tell(Lost())
            else:
                events = tuple(each.event for each in recent)
                self._tell(Seen(status, self._clock.now(), self._clock.wall(), events))

    async def _listen(self) -> None:
        while True:
            try:
                async with aclosing(self._source.watch()) as moments:
                    async for moment in moments:
                        self._tell(Changed(moment))
            except XinfError as error:
                _raise_unless_passing(error)
            await self._clock.sleep(TICK_S)

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(TICK_S)
            self._tell(Ticked(self._clock.now(), self._clock.wall()))

    def _tell(self, event: Event) -> None:
        self._state = fold(self._state, event)
        self._is_stale.set()


def _raise_unless_passing(error: XinfError) -> None:
    if error.code not in _PASSING:
        raise error
