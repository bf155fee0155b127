"""The sockets behind the two doors, bound before anything else is started."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from xinf.core.errors import ErrorCode, XinfError

BACKLOG = 1024
# Where a client on this machine goes when the server listens everywhere.
_REACHABLE: Mapping[str, str] = MappingProxyType(
    {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound to
)


def bind_public(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PORT_IN_USE, or CONFIG_INVALID where it can never be had.

    Already listening, because two sockets may be bound to one port as long as neither listens.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
        door.listen(BACKLOG)
    except OSError as error:
        door.close()
        raise _cannot_bind(host, port, error) from None
    door.setblocking(False)
    return door


def bind_admin(path: Path) -> socket.socket:
    """A listening Unix socket that only its owner may use. Raises ALREADY_RUNNING.

    A socket that nobody answers on was left behind by a process that died, and is replaced.
    """
    if _somebody_answers(path):
        raise XinfError(
            ErrorCode.ALREADY_RUNNING,
            thing="xinf",
            cause=f"another one answers on {path}",
            next_step="Use that one, or end it with `xinf down`",
        )
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        door.bind(str(path))
        # Before it listens nobody can connect, so there is no moment of wider permissions.
        path.chmod(0o600)
        door.listen(BACKLOG)
    except OSError:
        door.close()
        raise
    door.setblocking(False)
    return door


def forget_admin(door: socket.socket) -> None:
    """Take the socket's file away, so that nobody takes it for one that answers."""
    Path(door.getsockname()).unlink(missing_ok=True)


def url_of(door: socket.socket) -> str:
    """Where clients on this machine find a public socket, e.g. "http://127.0.0.1:5090"."""
    bound, port = door.getsockname()[:2]
    host = _REACHABLE.get(bound, bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _cannot_bind(host: str, port: int, error: OSError) -> XinfError:
    if error.errno == errno.EADDRINUSE:
        return XinfError(
            ErrorCode.PORT_IN_USE,
            thing=f"port {port} on {host}",
            cause="another program is listening there",
            next_step="End it, or choose another port: XINF_SERVER__PORT=5091",
        )
    return XinfError(
        ErrorCode.CONFIG_INVALID,
        thing=f"server.host {host!r}, server.port {port}",
        cause=f"this machine cannot listen there ({error.strerror or error})",
        next_step="Use an address of this machine, such as 127.0.0.1, and a port from 1024 on",
    )


def _somebody_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # Connecting to a Unix socket succeeds or fails at once.
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
