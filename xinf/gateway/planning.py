"""The admin API's answers to "what if", "do it" and "why": `plan`, `apply` and `why`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import web

from xinf.core.changes import Applied, Outlook
from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.json import JsonValue
from xinf.core.why import Explanation
from xinf.gateway.body import parse_object, read_body
from xinf.gateway.limits import Limits
from xinf.gateway.site import Call


class Previews(Protocol):
    async def preview(self, text: str, file: Path) -> Outlook:
        """What would change if `text` were in `file`, in force. Raises CONFIG_INVALID."""
        ...


class Applying(Protocol):
    async def apply(self, text: str, file: Path) -> Applied:
        """Make `text` the config file. Raises CONFIG_INVALID."""
        ...


class Explaining(Protocol):
    async def why(self, name: str) -> Explanation:
        """Raises NOT_FOUND."""
        ...


@dataclass(frozen=True, slots=True)
class Planning:
    """A body is `{text, file}`: what a config file holds, and its absolute path for messages."""

    previews: Previews
    applying: Applying
    explaining: Explaining
    limits: Limits
    clock: Clock

    async def plan(self, call: Call) -> web.Response:
        return web.json_response(asdict(await self.previews.preview(*await self._file(call))))

    async def apply(self, call: Call) -> web.Response:
        return web.json_response(asdict(await self.applying.apply(*await self._file(call))))

    async def why(self, call: Call) -> web.Response:
        return web.json_response(asdict(await self.explaining.why(call.tail)))

    async def _file(self, call: Call) -> tuple[str, Path]:
        body = parse_object(await read_body(call.request, self.limits, self.clock))
        return _text(body, "text"), Path(_text(body, "file"))


def _text(body: Mapping[str, JsonValue], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise XinfError(
            ErrorCode.MISSING_PARAMETER, thing=name, cause="it must be a string", param=name
        )
    return value
