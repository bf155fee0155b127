"""Who may call: no web page of somebody else's, whatever name it reached us by.

A browser on this machine runs other people's pages. DNS rebinding makes such a page same-origin
with us under its own name, which the Host check refuses; a plain cross-site request carries an
Origin, which is refused unless it was allowed. There is no CORS header, so nothing can be read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

from xinf.core.errors import ErrorCode, XinfError

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """The rules. `bound` is server.host; the others are the settings of those names."""

    bound: str
    allowed_hosts: Collection[str] = ()
    allowed_origins: Collection[str] = ()

    def check(self, host: str | None, target_host: str | None, origin: str | None) -> None:
        """Raise FORBIDDEN_HOST or FORBIDDEN_ORIGIN.

        `target_host` is the authority of a request in absolute form, which outranks the header.
        """
        for named in (host, target_host) if target_host is not None else (host,):
            if named is None or not self._is_own(named):
                raise _forbidden_host(named)
        if origin is not None and not self._is_allowed(origin, host or ""):
            raise _forbidden_origin(origin)

    def _is_own(self, host: str) -> bool:
        name = host_name(host)
        if name is None:
            return False
        own = {self.bound.lower(), *_LOOPBACK, *map(str.lower, self.allowed_hosts)}
        if name in own or host.lower() in own:
            return True
        # Bound to all addresses, any of them is ours. Rebinding needs a name, never an address.
        return self.bound in _WILDCARDS and _is_address(name)

    def _is_allowed(self, origin: str, host: str) -> bool:
        if origin in self.allowed_origins:
            return True
        return origin.lower() == f"http://{host.lower()}"


def host_name(host: str) -> str | None:
    """The name in a Host header, lower case, without port and brackets; None if it is malformed."""
    if host.startswith("["):
        name, bracket, rest = host[1:].partition("]")
        if not bracket or not _is_address(name):
            return None
    else:
        name, colon, port = host.partition(":")
        rest = colon + port
    is_port = rest == "" or (rest[0] == ":" and rest[1:].isascii() and rest[1:].isdigit())
    return name.lower() if name and is_port else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _forbidden_host(host: str | None) -> XinfError:
    return XinfError(
        ErrorCode.FORBIDDEN_HOST,
        thing=f"Host {host!r}" if host else "the request",
        cause="xinf does not answer under this name" if host else "it names no Host",
        next_step="Use 127.0.0.1 or localhost, or add the name to server.allowed_hosts",
    )


def _forbidden_origin(origin: str) -> XinfError:
    return XinfError(
        ErrorCode.FORBIDDEN_ORIGIN,
        thing=f"Origin {origin!r}",
        cause="web pages from there may not call xinf",
        next_step="Add it to server.allowed_origins if you trust it",
    )
