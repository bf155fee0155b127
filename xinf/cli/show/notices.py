"""What is amiss with xinf itself, said on stderr beside a listing."""

from __future__ import annotations

from collections.abc import Iterator

from xinf.cli.output import note
from xinf.client.views import DaemonStatus
from xinf.daemon.edits import refused_words, waiting_words


def warn(status: DaemonStatus) -> None:
    """Tell a person what they may not know about what they are shown."""
    for line in _lines(status):
        note(line)


def _lines(status: DaemonStatus) -> Iterator[str]:
    if status.worker_pid is None:
        yield "warning: no worker is running, so no engine can be started: start `xinf worker`"
    for problem in status.device_problems:
        yield f"warning: {problem}"
    if status.config_problem is not None:
        yield refused_words(status.config_problem)
    if status.config_waiting:
        yield f"note: {waiting_words(status.config_waiting)}"
