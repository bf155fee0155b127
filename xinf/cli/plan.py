"""`xinf plan`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import Json
from xinf.cli.output import note, show, show_json
from xinf.core.changes import Outlook
from xinf.core.errors import ErrorCode, XinfError

if TYPE_CHECKING:
    from xinf.client.admin import AdminClient

CHANGES, DOES_NOT_FIT = 10, 11


def plan(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help='A config file, or "-" for stdin; by default the one in use.'
        ),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Tell by the exit code whether there are changes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what a config file would change, without doing it.

    What would be started, stopped, moved, resized or evicted and why, the memory of each device
    before and after, and what has no place, with the nearest change that fits. Starts nothing,
    downloads nothing and writes nothing. Without a running xinf, the devices are looked at here.

    \b
      xinf plan
      xinf plan ./new.toml && xinf apply ./new.toml
      xinf plan - --json < new.toml | jq '.actions[] | {action, replica, bytes}'

    \b
    Exit codes: 0 fine, 2 the file is wrong. With --exit-code also: 10 there are changes,
    11 something that should be up has no place.
    """
    from xinf.cli.wish import wrong_settings_listed

    with wrong_settings_listed():
        outlook = _outlook(file)
    if as_json:
        from xinf.cli.show.plan import plan_json

        show_json(plan_json(outlook))
    else:
        show_outlook(outlook)
    if exit_code:
        raise typer.Exit(code_of(outlook))


def show_outlook(outlook: Outlook) -> None:
    """For a person; what a start would need is said beside it."""
    from xinf.cli.show.plan import plan_view
    from xinf.daemon.edits import waiting_words

    show(plan_view(outlook))
    if outlook.waiting:
        note(f"note: {waiting_words(outlook.waiting)}")


def code_of(outlook: Outlook) -> int:
    """What --exit-code says of it."""
    if outlook.misfits:
        return DOES_NOT_FIT
    return 0 if outlook.preview.is_empty else CHANGES


def _outlook(file: Path | None) -> Outlook:
    try:
        return ask(lambda client: planned(client, file))
    except XinfError as error:
        if error.code is not ErrorCode.NOT_RUNNING:
            raise
    import asyncio

    from xinf.cli.wish import read_wish
    from xinf.clock import SystemClock
    from xinf.daemon.preview import preview_here

    wish = read_wish(file)
    outlook, problems = asyncio.run(preview_here(wish.reading, SystemClock()))
    note("xinf is not running; this is what `xinf up` would do")
    for problem in problems:
        note(f"warning: {problem}")
    return replace(outlook, file=wish.name)


async def planned(client: AdminClient, file: Path | None) -> Outlook:
    """What the running xinf says of `file`, None = the one that it follows."""
    from xinf.cli.wish import read_wish

    followed = (await client.status()).config_file
    wish = read_wish(file, Path(followed) if followed else None)
    return replace(await client.plan(wish.text, wish.file), file=wish.name)
