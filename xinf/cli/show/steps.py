"""Steps of a command's own work, as `xinf up` shows those of an engine."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from xinf.cli.output import console, note
from xinf.cli.show.progress import step_bar, step_line
from xinf.core.clock import Clock
from xinf.core.progress import Pace, Report, Step


@contextmanager
def step_screen(clock: Clock) -> Generator[Report]:
    """A bar on a terminal, gone at the end; otherwise a line for each new step. On stderr."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.live import Live

    pace = Pace()
    screen = console(sys.stderr)
    with Live(console=screen, auto_refresh=False, transient=True, redirect_stdout=False) as live:
        yield lambda step: live.update(step_bar(step, pace.eta_s(step, clock.now())), refresh=True)


def _lines() -> Report:
    last = ""

    def show(step: Step) -> None:
        nonlocal last
        if step.what != last:
            last = step.what
            note(step_line(step))

    return show
