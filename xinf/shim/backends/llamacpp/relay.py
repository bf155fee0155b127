"""The connection to the server inside this process: its private socket, and nothing else."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from xinf.shim.backends.base import RequestFailed
from xinf.shim.backends.llamacpp.errors import error_of, refusal

# Facts and metrics: answered between two steps of the engine.
ASK_SECONDS = 10.0
CONNECT_SECONDS = 5.0
# asyncio closes the socket of a closed transport in its next turn.
LOOP_TURNS_TO_CLOSE = 3
# Only for the URL's sake; the connection goes to the socket.
HOST = "http://llamacpp"


class Relay:
    """Opened inside the event loop. Every request has a connection of its own: closing it is what
    stops the request in the engine.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        connector = aiohttp.UnixConnector(path=path, limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def close(self) -> None:
        """Close every connection. Returns once they are really closed."""
        await self._session.close()
        for _ in range(LOOP_TURNS_TO_CLOSE):
            await asyncio.sleep(0)

    async def ask(self, path: str) -> bytes:
        """The body of a GET. Raises OSError, TimeoutError or aiohttp.ClientError."""
        timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
        async with self._session.get(HOST + path, timeout=timeout) as response:
            return await response.read()

    @asynccontextmanager
    async def stream(
        self, endpoint: str, body: dict[str, Any], param: str
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        """The bytes of a streamed answer. Raises RequestFailed for a refusal.

        Leaving the block early closes the connection; the engine stops at its next step.
        """
        data = json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(HOST + endpoint, data=data, headers=headers) as response:
                try:
                    if response.status != 200:
                        raise refusal(response.status, _error(await response.read()), param)
                    yield response.content.iter_any()
                finally:
                    response.close()
        except (aiohttp.ClientError, OSError) as error:
            message = f"llama.cpp broke off: {type(error).__name__}: {error}"
            raise RequestFailed("engine_failed", message, retryable=True) from error

    def refuses(self) -> str:
        """Why nobody listens any more; empty while somebody does. Does not wait."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            try:
                probe.connect(self._path)
            except BlockingIOError:
                return ""  # a full queue has a listener behind it
            except OSError as error:
                return f"llama.cpp's server has ended: {error.strerror}"
        return ""


def _error(body: bytes) -> dict[str, Any]:
    try:
        return dict(error_of(json.loads(body)))
    except ValueError:
        return {"message": body.decode(errors="replace")[:500]}
