"""What is amiss with xinf itself, said on stderr beside a listing."""

from __future__ import annotations

from xinf.cli.output import note
from xinf.client.views import DaemonStatus
from xinf.tui.amiss import notes, warnings


def warn(status: DaemonStatus) -> None:
    """Tell a person what they may not know about what they are shown."""
    for line in warnings(status):
        note(f"warning: {line}")
    for line in notes(status):
        note(f"note: {line}")
