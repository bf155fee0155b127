"""Following what becomes of a wish, moment by moment, until it is decided or time is up."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TypeAlias, TypeVar

from xinf.cli.output import console, note
from xinf.cli.show.progress import changed_lines, progress_bars, said
from xinf.client.views import Moment
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.units import format_seconds

# What stands when a wish is spoken may be older than it; the daemon acts on a wish in much less.
SETTLE_S = 2.0

Screen: TypeAlias = Callable[[Moment], None]
_T = TypeVar("_T")


async def follow(
    moments: AsyncGenerator[Moment],
    decide: Callable[[Moment], _T | None],
    *,
    is_provisional: Callable[[_T], bool] = lambda _: False,
    clock: Clock,
) -> _T:
    """What `decide` says once it says something that lasts. Shows every moment on stderr.

    Raises NOT_RUNNING when the moments end first. Bring a deadline.
    """
    async with aclosing(moments):
        with progress_screen() as show:
            return await _decided(moments, decide, is_provisional, show, clock)


@asynccontextmanager
async def deadline(
    clock: Clock,
    seconds: float,
    thing: str,
    cause: str | Callable[[], str],
    see: str = "xinf ps",
) -> AsyncGenerator[None]:
    """The block has `seconds`; then TIMED_OUT says what about `thing` was not done, and which
    command tells more. It goes on.
    """
    try:
        async with clock.timeout(seconds):
            yield
    except TimeoutError:
        told = cause if isinstance(cause, str) else cause()
        raise XinfError(
            ErrorCode.TIMED_OUT,
            thing=thing,
            cause=f"after {format_seconds(seconds)} {told}",
            next_step=f"xinf goes on with it: see `{see}`, or wait longer with --timeout",
        ) from None


@contextmanager
def going_on() -> Generator[None]:
    """Who has had enough of following (Ctrl-C) hears that this ends nothing but that."""
    try:
        yield
    except asyncio.CancelledError:
        note("xinf goes on with it")
        raise


@contextmanager
def progress_screen() -> Generator[Screen]:
    """Bars on a terminal, gone at the end; otherwise a line for each change."""
    if sys.stderr.isatty():
        from rich.live import Live

        screen = console(sys.stderr)
        # Drawn at every moment and by no thread; what is printed meanwhile goes above it.
        with Live(
            console=screen, auto_refresh=False, transient=True, redirect_stdout=False
        ) as live:
            yield lambda moment: live.update(
                progress_bars(moment.models, moment.replicas), refresh=True
            )
        return
    before: Mapping[str, tuple[tuple[str, str], str]] = {}

    def show_lines(moment: Moment) -> None:
        nonlocal before
        after = said(moment.models, moment.replicas)
        for line in changed_lines(before, after):
            note(line)
        before = after

    yield show_lines


async def _decided(
    moments: AsyncGenerator[Moment],
    decide: Callable[[Moment], _T | None],
    is_provisional: Callable[[_T], bool],
    show: Screen,
    clock: Clock,
) -> _T:
    verdict: _T | None = None
    settled_at = float("inf")
    while True:
        moment = await _next(moments, clock, settled_at - clock.now())
        if moment is not None:
            show(moment)
            verdict = decide(moment)
        if verdict is None:
            settled_at = float("inf")
            continue
        settled_at = min(settled_at, clock.now() + SETTLE_S)
        if not is_provisional(verdict) or clock.now() >= settled_at or moment is None:
            return verdict


async def _next(moments: AsyncGenerator[Moment], clock: Clock, within_s: float) -> Moment | None:
    """The next moment; None when it does not come `within_s` (infinity: wait for it)."""
    try:
        if within_s == float("inf"):
            return await anext(moments)
        async with clock.timeout(max(0.0, within_s)):
            return await anext(moments)
    except TimeoutError:
        return None
    except StopAsyncIteration:
        raise XinfError(
            ErrorCode.NOT_RUNNING,
            cause="xinf ended meanwhile",
            next_step="Start it again with `xinf up`; what was wished is kept",
        ) from None
