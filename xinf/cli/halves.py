"""The processes of a running xinf, and how each is told to end: one, or `serve` and `worker`."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from xinf.agent.process import wait_exit
from xinf.client.admin import AdminClient
from xinf.core.errors import ErrorCode, XinfError
from xinf.daemon.lock import holder
from xinf.daemon.roles import Role


@dataclass(frozen=True, slots=True)
class Half:
    """One process. `descriptor` is its pidfd, None if it has ended already.

    `door` is where it is told to end; without one it gets a signal.
    """

    pid: int
    descriptor: int | None
    door: AdminClient | None = None

    async def ask_to_end(self, *, hurry: bool) -> None:
        """Begin its end. That it has ended meanwhile is fine."""
        if self.door is not None:
            try:
                await self.door.shutdown(hurry=hurry)
            except XinfError as error:
                if error.code is not ErrorCode.NOT_RUNNING:
                    raise
        elif self.descriptor is not None:
            # Two different ones, because two of a kind may arrive as one.
            for sign in (signal.SIGTERM, signal.SIGINT)[: 2 if hurry else 1]:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self.descriptor, sign)

    async def ended(self) -> None:
        """Wait until its process is gone. Bring a deadline."""
        if self.descriptor is not None:
            await wait_exit(self.descriptor)


@asynccontextmanager
async def running_halves(client: AdminClient, state_dir: Path) -> AsyncGenerator[list[Half]]:
    """Every process of this xinf, the one that answers clients first. Raises NOT_RUNNING."""
    found: dict[int, Half] = {}
    nobody: XinfError | None = None
    with ExitStack() as owned:
        try:
            pid = (await client.status()).pid
            found[pid] = Half(pid, open_process(pid, owned), client)
        except XinfError as error:
            if error.code is not ErrorCode.NOT_RUNNING:
                raise
            nobody = error
        # Who has no door, or has not opened it yet, is found by what it has locked.
        for role in Role:
            pid = holder(state_dir, role)
            if pid is None or pid in found:
                continue
            descriptor = open_process(pid, owned)
            # Asked again, for only now it can be no other process that has the pid.
            if descriptor is not None and holder(state_dir, role) == pid:
                found[pid] = Half(pid, descriptor)
        if nobody is not None and not found:
            raise nobody
        yield list(found.values())


def open_process(pid: int, owned: ExitStack) -> int | None:
    """A pidfd for `pid`, which `owned` closes; None if it is gone already."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    owned.callback(os.close, descriptor)
    return descriptor
