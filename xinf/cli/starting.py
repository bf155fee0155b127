"""How a start goes, as whoever waits for it sees it: `up` itself, `up --detach` and `restart`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from xinf.cli.follow import progress_screen
from xinf.cli.outcome import all_started
from xinf.cli.output import note
from xinf.cli.show.banner import banner
from xinf.client.admin import AdminClient
from xinf.client.views import DaemonStatus, Moment
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.states import ModelState
from xinf.tui.text import brief

_KNOCK_EVERY_S = 0.05


async def until_listening(
    client: AdminClient, clock: Clock, is_it: Callable[[DaemonStatus], bool]
) -> None:
    """Until the xinf that `is_it` answers; nobody may be there yet, or another one still.

    Bring an end: it waits for ever.
    """
    while True:
        try:
            if is_it(await client.status()):
                return
        except XinfError as error:
            if error.code is not ErrorCode.NOT_RUNNING:
                raise
        await clock.sleep(_KNOCK_EVERY_S)


async def until_started(
    moments: AsyncGenerator[Moment], is_ending: Callable[[], bool] = lambda: False
) -> bool:
    """Show every moment until all that is to be loaded is ready or has failed.

    False when xinf ends, or is about to, before that.
    """
    async with aclosing(moments):
        with progress_screen() as show:
            async for moment in moments:
                if is_ending():
                    return False
                show(moment)
                if moment.ready or all_started(moment.models, moment.replicas):
                    return True
    return False


async def told_failures(client: AdminClient) -> tuple[DaemonStatus, bool]:
    """Xinf as it is once it has started, and whether everything came up; tells what did not."""
    status = await client.status()
    failed = [model for model in status.models if model.state is ModelState.FAILED]
    for model in failed:
        note(f"model {model.name} failed: {brief(model.reason)}")
    if failed:
        note(f"`xinf why {failed[0].name}` tells more")
    for problem in status.device_problems:
        note(f"warning: {problem}")
    return status, not failed


async def announced(client: AdminClient) -> bool:
    """Say where xinf is; whether everything came up."""
    status, is_whole = await told_failures(client)
    print(banner(status.url, status.models), end="", flush=True)
    return is_whole
