"""`xinf restart`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.asking import ask
from xinf.cli.options import Hurry, Json, seconds
from xinf.cli.output import note, show_json

if TYPE_CHECKING:
    from xinf.client.admin import AdminClient
    from xinf.client.views import DaemonStatus
    from xinf.core.clock import Clock


def restart(
    hurry: Hurry = False,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long to wait until it is ready again.")
    ] = "30m",
    as_json: Json = False,
) -> None:
    """Start the running xinf anew, with the arguments that it was started with.

    Finishes what runs, ends, and starts again in the same process: one in a terminal stays
    there, one in the background stays there. Needed for settings outside models and defaults,
    and after an update of xinf. Engines are started anew as well; only those of an
    `xinf worker` go on.

    \b
      xinf restart
      xinf restart --hurry

    \b
    Exit codes: 0 ready again, 1 a model failed, 2 the config is wrong (it goes on as it was),
    3 it is not running, or ended instead, 5 not ready in time.
    """
    wait_s = seconds(timeout, "--timeout")
    status, is_whole = ask(lambda client: _restart(client, hurry=hurry, wait_s=wait_s))
    if as_json:
        show_json({"pid": status.pid, "url": status.url, "ready": is_whole})
    else:
        note(f"xinf (pid {status.pid}) has started again and serves {status.url}/v1")
    if not is_whole:
        raise typer.Exit(1)


async def _restart(client: AdminClient, *, hurry: bool, wait_s: float) -> tuple[DaemonStatus, bool]:
    """What xinf is after it, and whether everything came up."""
    from xinf.cli.follow import deadline
    from xinf.cli.halves import open_process
    from xinf.cli.outliving import unless_ended
    from xinf.clock import SystemClock

    clock, before = SystemClock(), await client.status()
    with ExitStack() as owned:
        # Opened before anything ends, so that it can be no other process that has the pid by now.
        descriptor = open_process(before.pid, owned)
        if descriptor is None:
            raise _ended(before.pid)
        await client.shutdown(hurry=hurry, restart=True)
        note(_words(before))
        async with deadline(clock, wait_s, f"xinf (pid {before.pid})", "it is not ready again"):
            after = await unless_ended(descriptor, _started(client, clock, before.instance))
        if after is None:
            raise _ended(before.pid)
        return after


async def _started(client: AdminClient, clock: Clock, old: str) -> tuple[DaemonStatus, bool] | None:
    from xinf.cli.starting import told_failures, until_listening, until_started

    await until_listening(client, clock, lambda status: status.instance != old)
    return await told_failures(client) if await until_started(client.watch()) else None


def _words(before: DaemonStatus) -> str:
    if before.worker_pid in (None, before.pid):
        return "restarting: what runs may finish; engines are started anew as well"
    return f"restarting: what runs may finish; engines go on with the worker, {before.worker_pid}"


def _ended(pid: int) -> Exception:
    from xinf.core.errors import ErrorCode, XinfError

    return XinfError(
        ErrorCode.NOT_RUNNING,
        thing=f"xinf (pid {pid})",
        cause="it has ended and did not start again",
        next_step="It said why where it ran (in the background: `up.log` beside its other logs); "
        "start it with `xinf up`",
    )
