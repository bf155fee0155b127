"""`xinf logs`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import count
from xinf.cli.output import note
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.placement import replica_name

if TYPE_CHECKING:
    from xinf.cli.log_files import Log, Wanted


def logs(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME[/REPLICA]", help="A model, or one of its replicas."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")
    ] = False,
    lines: Annotated[
        str, typer.Option("--lines", "-n", metavar="LINES", help='How many of the last; or "all".')
    ] = "100",
) -> None:
    """Show what an engine, or xinf itself, has logged.

    Without NAME, xinf's own log. The logs are files below the state directory, so xinf need
    not be running. Of several replicas, each line begins with its replica's name.

    \b
      xinf logs
      xinf logs echo -f
      xinf logs echo/1 -n all | grep error

    \b
    Exit codes: 0 fine, 4 there is no such log.
    """
    from xinf.cli.log_files import find_logs, is_expected, nothing_found
    from xinf.config.paths import client_paths

    wanted, last = _wanted(name), count(lines, "-n")
    log_dir = client_paths(os.environ, Path.cwd()).log_dir
    found = find_logs(log_dir, wanted)
    if not found:
        known = _known() if wanted.model else []
        if not follow or not is_expected(wanted, known):
            raise nothing_found(wanted, log_dir, known)
        note(f"no log of {wanted.name} yet; waiting for it")
    _show(log_dir, wanted, found, last, follow=follow)


def _show(
    log_dir: Path, wanted: Wanted, found: tuple[Log, ...], last: int | None, *, follow: bool
) -> None:
    from xinf.cli.log_printer import LogPrinter

    with LogPrinter(log_dir, wanted, sys.stdout.buffer) as printer:
        printer.show_last(found, last, is_all=not follow)
        if follow:
            import asyncio

            from xinf.clock import SystemClock

            asyncio.run(printer.follow(SystemClock()))


def _known() -> list[str]:
    """The replicas that a running xinf wants; none if it cannot be asked."""
    try:
        models = ask(lambda client: client.models())
    except XinfError as error:
        if error.code not in {ErrorCode.NOT_RUNNING, ErrorCode.TIMED_OUT}:
            raise
        return []
    return [
        replica_name(model.name, index)
        for model in models
        for index in range(max(model.desired_replicas, 1))
    ]


def _wanted(name: str | None) -> Wanted:
    from xinf.cli.log_files import parse_wanted

    try:
        return parse_wanted(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from None
