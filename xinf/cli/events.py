"""`xinf events`."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import Json, count, seconds
from xinf.cli.output import note, show
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.events import Severity

if TYPE_CHECKING:
    from xinf.client.admin import AdminClient
    from xinf.meta.events import EventQuery, Recorded

_LAST = "50"


def events(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A model, a replica (coder/0) or a device (cuda:1)."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Only those of the last 10m, 2h, 3d ...")
    ] = None,
    lines: Annotated[
        str | None,
        typer.Option(
            "--lines",
            "-n",
            metavar="LINES",
            help=f'How many of the last, or "all"; {_LAST} unless --since is given.',
        ),
    ] = None,
    level: Annotated[
        Severity, typer.Option(help="Only those that are at least so grave.")
    ] = Severity.INFO,
    kind: Annotated[
        str, typer.Option(metavar="KIND", help="Only these, e.g. plan, or plan.evict.")
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens from now on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what happened: starts, failures, evictions, devices, edits of the config file.

    \b
    The last 10,000 events are kept, across restarts, and can be read while xinf is not running.
    With --json each is an object on a line of its own; `at` is seconds since 1970.

    \b
      xinf events
      xinf events coder --since 1h
      xinf events --level warn -f
      xinf events --kind plan --json | jq -r .message

    \b
    Exit codes: 0 fine, 2 usage, 3 xinf is not running (with --follow).
    """
    query = _query(name, since, lines, level, kind)
    show_one = _show_json if as_json else _show_line
    if follow:
        ask(lambda client: _follow(client, query, show_one))
        return
    found = _events(query)
    for each in found:
        show_one(each)
    if not found:
        note(f"no events{f' of {name}' if name else ''}")


def _query(
    name: str | None, since: str | None, lines: str | None, level: Severity, kind: str
) -> EventQuery:
    from xinf.clock import SystemClock
    from xinf.meta.events import EVENTS_MAX, EventQuery

    last = count(lines or ("all" if since else _LAST), "-n")
    begin = SystemClock().wall() - seconds(since, "--since") if since else 0.0
    limit = EVENTS_MAX if last is None else last
    return EventQuery(since=begin, about=name or "", kind=kind, severity=level, last=limit)


def _events(query: EventQuery) -> tuple[Recorded, ...]:
    """From whoever runs, or else from the file that they left."""
    try:
        return ask(lambda client: client.events(query))
    except XinfError as error:
        if error.code is not ErrorCode.NOT_RUNNING:
            raise
    from xinf.config.paths import client_paths
    from xinf.meta.reading import read_events

    return read_events(client_paths(os.environ, Path.cwd()).store_file, query)


async def _follow(
    client: AdminClient, query: EventQuery, show_one: Callable[[Recorded], None]
) -> None:
    async with aclosing(client.follow_events(query)) as told:
        async for each in told:
            show_one(each)
    raise XinfError(
        ErrorCode.NOT_RUNNING, cause="xinf has ended", next_step="Start it again with `xinf up`"
    )


def _show_line(recorded: Recorded) -> None:
    from xinf.cli.show.events import event_line

    show(event_line(recorded.event))


def _show_json(recorded: Recorded) -> None:
    from xinf.cli.show.events import event_json

    print(event_json(recorded), flush=True)
