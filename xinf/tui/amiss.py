"""What is amiss with xinf itself, a sentence each: for the view, and beside the listings."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from xinf.client.views import DaemonStatus
from xinf.tui import palette
from xinf.tui.canvas import Canvas
from xinf.tui.text import wrapped


def warnings(status: DaemonStatus) -> Iterator[str]:
    """What somebody should see to."""
    if status.worker_pid is None:
        yield "no worker is running, so no engine can be started: start `xinf worker`"
    yield from status.device_problems
    if status.config_problem is not None:
        # With the settings' schema behind it, it would slow down every listing.
        from xinf.daemon.edits import refused_words

        yield refused_words(status.config_problem)


def notes(status: DaemonStatus) -> Iterator[str]:
    """What is well, but not what somebody may think."""
    if status.config_waiting:
        from xinf.daemon.edits import waiting_words

        yield waiting_words(status.config_waiting)


def amiss_lines(status: DaemonStatus, canvas: Canvas) -> list[Text]:
    """All of it as part of the view; empty where all is well."""
    told = [(line, palette.WARNING) for line in warnings(status)]
    told += [(line, palette.QUIET) for line in notes(status)]
    lines = [
        Text(line, style=style, no_wrap=True)
        for words, style in told
        for line in wrapped(words, canvas.inner, canvas.reason_lines)
    ]
    return [Text(), *lines] if lines else []
