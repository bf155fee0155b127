"""`xinf status`."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import Json
from xinf.cli.output import show_json

if TYPE_CHECKING:
    from xinf.client.admin import AdminClient
    from xinf.client.views import DaemonStatus

# What a reader that is no terminal gets: room for everything, reasons in full.
_PLAIN_WIDTH = 140
_REASON_LINES_MAX = 200


def status(
    once: Annotated[bool, typer.Option("--once", help="Print one frame and return.")] = False,
    as_json: Json = False,
) -> None:
    """Watch devices, models and engines.

    \b
    Bars show who holds a device's memory: each model, what is claimed but not taken yet, other
    programs, and the reserve that is left to them. READY is ready/wanted, TOK/S the pace of
    the last seconds, TOKENS counts from the start of an engine, KV the share of its cache in use.

    \b
    q or Ctrl-C leaves, the arrow keys scroll. It stays when xinf ends, and goes on when xinf
    is there again. Without a terminal it prints one frame, as --once does.

    \b
      xinf status
      xinf status --json | jq '.devices[] | {id, memory_used, memory_claimed}'

    \b
    Exit codes: 0 fine, 3 xinf is not running.
    """
    if not (as_json or once) and _is_screen():
        ask(_live)
        return
    seen = ask(lambda client: client.status())
    if as_json:
        from xinf.cli.show.notices import warn

        warn(seen)
        show_json(seen)
    else:
        _print(seen)


def _is_screen() -> bool:
    """Whether stdout is a terminal that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}


def _print(seen: DaemonStatus) -> None:
    from rich.console import Group

    from xinf.cli.output import console, show
    from xinf.clock import SystemClock
    from xinf.tui.canvas import Canvas
    from xinf.tui.frame import frame
    from xinf.tui.picture import Picture

    screen = console(sys.stdout)
    canvas = Canvas(
        width=shutil.get_terminal_size((_PLAIN_WIDTH, 0)).columns,
        has_color=screen.color_system is not None and not screen.no_color,
        reason_lines=_REASON_LINES_MAX,
    )
    show(Group(*frame(Picture(seen, SystemClock().wall()), canvas)))


async def _live(client: AdminClient) -> None:
    from xinf.clock import SystemClock
    from xinf.tui.inputs import inputs
    from xinf.tui.live import Live
    from xinf.tui.screen import Screen

    first = await client.status()
    with Screen(sys.stdin, sys.stdout) as screen:
        live = Live(client, screen, first, SystemClock())
        with inputs(live, screen, sys.stdin):
            await live.run()
