"""`xinf down`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import Json, NoWait, seconds
from xinf.cli.output import note, show_json

if TYPE_CHECKING:
    from xinf.client.admin import AdminClient


def down(
    hurry: Annotated[bool, typer.Option("--hurry", help="Do not wait for requests.")] = False,
    no_wait: NoWait = False,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long to wait for its end.")
    ] = "90s",
    as_json: Json = False,
) -> None:
    """Finish what runs, then stop everything.

    Requests in flight have `server.drain_timeout` to finish; then every engine ends.

    \b
      xinf down
      xinf down --hurry

    \b
    Exit codes: 0 stopped, 3 it was not running, 5 it has not ended in time.
    """
    wait_s = None if no_wait else seconds(timeout, "--timeout")
    pid = ask(lambda client: _down(client, hurry=hurry, wait_s=wait_s))
    if as_json:
        show_json({"pid": pid, "stopped": not no_wait})
    else:
        note(f"xinf (pid {pid}) {'is stopping' if no_wait else 'has stopped'}")


async def _down(client: AdminClient, *, hurry: bool, wait_s: float | None) -> int:
    # Opened before anything ends, so that it can be no other process that has the pid by now.
    process = _open((await client.status()).pid)
    try:
        pid = await client.shutdown(hurry=hurry)
        if wait_s is not None and process is not None:
            note("draining: what runs may finish")
            await _ended(process, pid, wait_s)
        return pid
    finally:
        if process is not None:
            os.close(process)


def _open(pid: int) -> int | None:
    """A descriptor that becomes readable when `pid` ends; None if it is gone already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


async def _ended(process: int, pid: int, wait_s: float) -> None:
    import asyncio

    from xinf.clock import SystemClock
    from xinf.core.errors import ErrorCode, XinfError

    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process, gone.set)
    try:
        async with SystemClock().timeout(wait_s):
            await gone.wait()
    except TimeoutError:
        raise XinfError(
            ErrorCode.TIMED_OUT,
            thing=f"xinf (pid {pid})",
            cause=f"it has not ended within {wait_s:g} s",
            next_step="Wait longer with --timeout, or use `xinf down --hurry`",
        ) from None
    finally:
        loop.remove_reader(process)
