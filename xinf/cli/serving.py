"""The foreground of `xinf up`: the daemon, and what is said until it serves."""

from __future__ import annotations

import asyncio
import os
from typing import Protocol

from xinf.cli.listening import listening
from xinf.cli.output import note, say
from xinf.cli.starting import announced, until_listening, until_started
from xinf.client.admin import AdminClient
from xinf.config.paths import Paths
from xinf.config.source import Reading
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.daemon.signals import Signals


class Daemon(Protocol):
    async def __call__(self, start: Reading, signals: Signals) -> None:
        """Serve until `signals` say so, then leave nothing behind."""
        ...


async def serve(daemon: Daemon, start: Reading, clock: Clock, *, announces: bool = True) -> bool:
    """Run `daemon` until it ends; announce it once what it loads at start is ready.

    Whether it is to start again. Raises what the daemon raises, be it in a group.
    """
    signals = Signals()
    with listening(signals, start.settings.server.drain_timeout):
        async with asyncio.TaskGroup() as tasks:
            announcing = announces and tasks.create_task(announce(start.paths, clock, signals))
            try:
                await daemon(start, signals)
            finally:
                if announcing:
                    announcing.cancel()
    is_again = signals.again.is_set()
    say("xinf starts again" if is_again else "xinf has stopped")
    return is_again


async def announce(paths: Paths, clock: Clock, signals: Signals) -> None:
    """Show how the start goes, and say where xinf is when it is over. Never ends the daemon."""
    try:
        async with AdminClient(paths.admin_socket) as client:
            # Ends with the daemon at the latest, which cancels it.
            await until_listening(client, clock, lambda status: status.pid == os.getpid())
            if await until_started(client.watch(), signals.drain.is_set):
                await announced(client)
    except XinfError as error:
        # A daemon that ends meanwhile tells by itself why.
        if error.code is not ErrorCode.NOT_RUNNING:
            note(f"warning: the progress cannot be shown: {error}")
    except OSError:
        # Whoever read our output has closed it (`xinf up | head`); serving goes on.
        return
