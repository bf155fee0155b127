"""How a command speaks to the running xinf: one connection, one event loop, one answer."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from xinf.client.admin import AdminClient

_T = TypeVar("_T")


def ask(work: Callable[[AdminClient], Awaitable[_T]]) -> _T:
    """The result of `work` with a client for this environment's xinf."""
    import asyncio

    return asyncio.run(_connected(work))


async def _connected(work: Callable[[AdminClient], Awaitable[_T]]) -> _T:
    from xinf.client.admin import AdminClient
    from xinf.config.paths import client_paths

    async with AdminClient(client_paths(os.environ, Path.cwd()).admin_socket) as client:
        return await work(client)
