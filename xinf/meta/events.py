"""The table of events: what happened, told to people later, also by a process that is gone.

It stands in the store's file beside the entries and is not journalled: an event is never changed
and nothing is decided by it. Both halves of xinf append to it. It never grows beyond `EVENTS_KEPT`:
each appending removes as many of the oldest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from xinf.core.events import Event, Severity
from xinf.meta import statements as sql

# About 3 MB at 300 bytes each; weeks of an ordinary machine.
EVENTS_KEPT = 10_000

# The most that one question answers, so that nobody holds the store's thread for long.
EVENTS_MAX = EVENTS_KEPT

_RISING = (Severity.INFO, Severity.WARNING, Severity.ERROR)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its number. Numbers only grow, and are never used again."""

    id: int
    event: Event


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events: all conditions hold together, empty ones always do.

    `after` is an id, `since` wall seconds. `about` is a model or what an event is about
    (`coder`, `coder/0`, `cuda:1`); `kind` is a whole kind or the part before its dot; `severity` is
    the lowest. Of those that hold the last `last` are told, oldest first.
    """

    after: int = 0
    since: float = 0.0
    about: str = ""
    kind: str = ""
    severity: Severity = Severity.INFO
    last: int = EVENTS_MAX

    def holds(self) -> dict[str, str | int | float]:
        """The parameters of the SQL."""
        return {
            "after": self.after,
            "since": self.since,
            "about": self.about,
            "kind": self.kind,
            "rank": _RISING.index(self.severity),
            "last": max(0, min(self.last, EVENTS_MAX)),
        }


class EventTable(Protocol):
    """Both wait for the store's thread. Raise XinfError."""

    async def append_events(self, events: Sequence[Event]) -> None:
        """All of `events` or none, in their order."""
        ...

    async def list_events(self, query: EventQuery) -> tuple[Recorded, ...]: ...


class EventRows:
    """The table's SQL on one connection. Whoever appends owns the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def append(self, events: Sequence[Event], keep: int = EVENTS_KEPT) -> None:
        self._sql.executemany(sql.APPEND_EVENT, [_row(event) for event in events])
        self._sql.execute(sql.PRUNE_EVENTS, (keep,))

    def list(self, query: EventQuery) -> tuple[Recorded, ...]:
        rows = self._sql.execute(sql.LIST_EVENTS, query.holds()).fetchall()
        return tuple(_recorded(*row) for row in reversed(rows))


def severity_of(text: str) -> Severity:
    """A newer xinf may know severities that this one does not: they count as warnings."""
    return Severity(text) if text in {each.value for each in Severity} else Severity.WARNING


def _row(event: Event) -> tuple[float, str, str, str, str, str]:
    return (event.at, event.kind, event.subject, event.model, str(event.severity), event.message)


def _recorded(
    ident: int, at: float, kind: str, subject: str, model: str, severity: str, message: str
) -> Recorded:
    return Recorded(ident, Event(at, kind, subject, message, model, severity_of(severity)))
