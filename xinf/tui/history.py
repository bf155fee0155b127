"""The last events, where a view leaves room for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from types import MappingProxyType

from rich.text import Text

from xinf.core.events import Event, Severity
from xinf.tui import palette
from xinf.tui.canvas import Canvas
from xinf.tui.text import brief, clean, clipped, fitted, shortened

# Enough to see what led to what; `xinf events` has the others.
EVENTS_SHOWN = 6
_SUBJECT = 14
_STYLES: Mapping[Severity, str] = MappingProxyType(
    {Severity.INFO: palette.QUIET, Severity.WARNING: palette.WARNING, Severity.ERROR: palette.ALARM}
)


def history_lines(
    events: Sequence[Event], canvas: Canvas, room: int, zone: tzinfo | None = None
) -> list[Text]:
    """At most `room` lines, a blank one first; none where not even one event would be seen.

    `zone` None is that of this machine.
    """
    newest = events[-min(room - 1, EVENTS_SHOWN) :] if room > 1 else ()
    lines = [clipped(_line(event, zone), canvas.inner) for event in newest]
    return [Text(), *lines] if lines else []


def _line(event: Event, zone: tzinfo | None) -> Text:
    line = Text(datetime.fromtimestamp(event.at, zone).strftime("%H:%M:%S"), style=palette.QUIET)
    line.append("  ").append_text(fitted(shortened(Text(clean(event.subject)), _SUBJECT), _SUBJECT))
    message = brief(event.message.partition("\n")[0])
    return line.append(f"  {clean(message)}", style=_STYLES[event.severity])
