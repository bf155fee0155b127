"""Events as lines: a person reads them one after the other, a program one object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, tzinfo
from types import MappingProxyType

from rich.text import Text

from xinf.cli.show.tables import headline
from xinf.core.events import Event, Severity
from xinf.meta.events import Recorded

_STYLES: Mapping[Severity, str] = MappingProxyType(
    {Severity.INFO: "", Severity.WARNING: "yellow", Severity.ERROR: "red"}
)
# Wide enough for nearly all, so that messages stand below each other without knowing what follows.
_KIND, _SUBJECT = 19, 14


def event_line(event: Event, zone: tzinfo | None = None) -> Text:
    """Time of day with its date, how grave, what, about whom, and the headline of the message.

    `zone` None is that of this machine.
    """
    at = datetime.fromtimestamp(event.at, zone).strftime("%Y-%m-%d %H:%M:%S")
    message = headline(event.message)
    line = Text(no_wrap=True)
    line.append(f"{at}  ", style="dim")
    line.append(f"{event.severity:<5}", style=_STYLES[event.severity])
    line.append(f"  {event.kind:<{_KIND}}  {event.subject:<{_SUBJECT}}  {message}".rstrip())
    return line


def event_json(recorded: Recorded) -> str:
    """`id`, `at` (wall seconds), `kind`, `subject`, `message`, `model`, `severity`."""
    return json.dumps({"id": recorded.id, **asdict(recorded.event)}, ensure_ascii=False)
