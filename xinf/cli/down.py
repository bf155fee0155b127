"""`xinf down`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import Hurry, Json, NoWait, seconds
from xinf.cli.output import note, show_json

if TYPE_CHECKING:
    from xinf.cli.halves import Half
    from xinf.client.admin import AdminClient


def down(
    hurry: Hurry = False,
    no_wait: NoWait = False,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long to wait for its end.")
    ] = "90s",
    as_json: Json = False,
) -> None:
    """Finish what runs, then stop everything.

    Requests in flight have `server.drain_timeout` to finish; then every engine ends. Stops
    `xinf serve` and `xinf worker` as well, whichever of them runs.

    \b
      xinf down
      xinf down --hurry

    \b
    Exit codes: 0 stopped, 3 it was not running, 5 it has not ended in time.
    """
    wait_s = None if no_wait else seconds(timeout, "--timeout")
    first, *more = ask(lambda client: _down(client, hurry=hurry, wait_s=wait_s))
    if as_json:
        worker = more[0] if more else None
        show_json({"pid": first, "worker_pid": worker, "stopped": not no_wait})
        return
    for pid in (first, *more):
        note(f"xinf (pid {pid}) {'is stopping' if no_wait else 'has stopped'}")


async def _down(client: AdminClient, *, hurry: bool, wait_s: float | None) -> list[int]:
    """The processes that were told to end, the one with the doors first."""
    from xinf.cli.halves import running_halves
    from xinf.config.paths import client_paths

    state_dir = client_paths(os.environ, Path.cwd()).state_dir
    async with running_halves(client, state_dir) as halves:
        if wait_s is None:
            for half in halves:
                await half.ask_to_end(hurry=hurry)
        else:
            note("draining: what runs may finish")
            await _ended(halves, hurry, wait_s)
        return [half.pid for half in halves]


async def _ended(halves: list[Half], hurry: bool, wait_s: float) -> None:
    """End one after the other: what is still answered needs its engine."""
    from xinf.clock import SystemClock
    from xinf.core.errors import ErrorCode, XinfError

    half = halves[0]
    try:
        async with SystemClock().timeout(wait_s):
            for half in halves:
                await half.ask_to_end(hurry=hurry)
                await half.ended()
    except TimeoutError:
        raise XinfError(
            ErrorCode.TIMED_OUT,
            thing=f"xinf (pid {half.pid})",
            cause=f"it has not ended within {wait_s:g} s",
            next_step="Wait longer with --timeout, or use `xinf down --hurry`",
        ) from None
