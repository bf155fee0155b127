"""The foreground of `xinf up`: the daemon, the signals that end it, and what is said meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from typing import Protocol

from xinf.cli.follow import progress_screen
from xinf.cli.outcome import all_started
from xinf.cli.output import note
from xinf.cli.show.banner import banner
from xinf.client.admin import AdminClient
from xinf.client.views import Moment
from xinf.config.paths import Paths
from xinf.config.settings import Settings
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.states import ModelState
from xinf.core.units import format_seconds
from xinf.daemon.stop import StopSignal

_KNOCK_EVERY_S = 0.05


class Daemon(Protocol):
    async def __call__(self, settings: Settings, paths: Paths, *, stop: StopSignal) -> None:
        """Serve until `stop`, then leave nothing behind."""
        ...


async def serve(daemon: Daemon, settings: Settings, paths: Paths, clock: Clock) -> None:
    """Run `daemon` until it ends; announce it once what it loads at start is ready.

    Raises what the daemon raises, be it in a group.
    """
    stop = StopSignal()
    with stopping_on_signals(stop, settings.server.drain_timeout):
        async with asyncio.TaskGroup() as tasks:
            announcing = tasks.create_task(announce(paths, clock, stop), name="announce")
            try:
                await daemon(settings, paths, stop=stop)
            finally:
                announcing.cancel()
    note("xinf has stopped")


@contextmanager
def stopping_on_signals(stop: StopSignal, drain_s: float) -> Generator[None]:
    """Within the block Ctrl-C and SIGTERM ask to end: the first to drain, the second to hurry."""

    def ask() -> None:
        is_second = stop.drain.is_set()
        bound = format_seconds(drain_s)
        note(
            "hurrying: what still runs is cut off"
            if is_second
            else f"draining: what runs may finish within {bound}; Ctrl-C again hurries"
        )
        stop.ask(hurry=is_second)

    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for sign in signals:
        loop.add_signal_handler(sign, ask)
    try:
        yield
    finally:
        for sign in signals:
            loop.remove_signal_handler(sign)


async def announce(paths: Paths, clock: Clock, stop: StopSignal) -> None:
    """Show how the start goes, and say where xinf is when it is over. Never ends the daemon."""
    try:
        async with AdminClient(paths.admin_socket) as client:
            await _until_listening(client, clock)
            if not await _until_started(client.watch(), stop):
                return
            status = await client.status()
            for model in status.models:
                if model.state is ModelState.FAILED:
                    note(f"model {model.name} failed: {model.reason}")
            print(banner(status.url, status.models), end="", flush=True)
    except XinfError as error:
        # A daemon that ends meanwhile tells by itself why.
        if error.code is not ErrorCode.NOT_RUNNING:
            note(f"warning: the progress cannot be shown: {error}")
    except OSError:
        # Whoever read our output has closed it (`xinf up | head`); serving goes on.
        return


async def _until_listening(client: AdminClient, clock: Clock) -> None:
    """The daemon opens its socket when it can answer; until then nobody is there, or another one.

    Ends with the daemon at the latest, which cancels it.
    """
    while True:
        try:
            if (await client.status()).pid == os.getpid():
                return
        except XinfError as error:
            if error.code is not ErrorCode.NOT_RUNNING:
                raise
        await clock.sleep(_KNOCK_EVERY_S)


async def _until_started(moments: AsyncGenerator[Moment], stop: StopSignal) -> bool:
    """Show every moment until all that is to be loaded is ready or has failed.

    False when the daemon is asked to end before that.
    """
    async with aclosing(moments):
        with progress_screen() as show:
            async for moment in moments:
                if stop.drain.is_set():
                    return False
                show(moment)
                if moment.ready or all_started(moment.models, moment.replicas):
                    return True
    return False
