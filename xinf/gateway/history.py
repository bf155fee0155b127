"""GET /admin/v1/events: what happened, and with `follow` what happens from then on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from aiohttp import web

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.events import Severity
from xinf.gateway.request_id import REQUEST_ID, SERVED_BY
from xinf.gateway.site import Call
from xinf.meta.events import EVENTS_MAX, EventQuery, EventTable, Recorded

# The table is written by two processes, so whoever follows it looks; a question takes under 1 ms.
FOLLOW_EVERY_S = 0.3


@dataclass(frozen=True, slots=True)
class History:
    """`own_name` turns an alias into the name that events are kept under."""

    events: EventTable
    own_name: Callable[[str], str]
    clock: Clock

    async def list(self, call: Call) -> web.StreamResponse:
        asked = call.request.query
        query = query_of(asked)
        query = replace(query, about=self.own_name(query.about) if query.about else "")
        if asked.get("follow", "0") not in {"0", ""}:
            return await self._follow(call, query)
        found = await self.events.list_events(query)
        return web.json_response({"events": [line(each) for each in found]})

    async def _follow(self, call: Call, query: EventQuery) -> web.StreamResponse:
        """One event a line, those that are there first, until the client leaves."""
        headers = {"Content-Type": "application/x-ndjson", **SERVED_BY, REQUEST_ID: call.id}
        response = web.StreamResponse(headers=headers)
        await response.prepare(call.request)
        # Where those that are there end, also where none of them is asked for.
        newest = await self.events.list_events(EventQuery(last=1))
        found = await self.events.list_events(query)
        last = max((each.id for each in (*newest, *found)), default=0)
        while True:
            if found:
                await response.write(_lines(found))
                last = max(last, found[-1].id)
            await self.clock.sleep(FOLLOW_EVERY_S)
            new = replace(query, after=last, since=0.0, last=EVENTS_MAX)
            found = await self.events.list_events(new)


def query_of(asked: Mapping[str, str]) -> EventQuery:
    """The parameters of the URL, all of them optional. Raises INVALID_VALUE."""
    plain = EventQuery()
    return EventQuery(
        after=_number(asked, "after", plain.after),
        since=_number(asked, "since", plain.since),
        about=asked.get("about", ""),
        kind=asked.get("kind", ""),
        severity=_severity(asked.get("severity", str(plain.severity))),
        last=_number(asked, "last", plain.last),
    )


def line(recorded: Recorded) -> dict[str, Any]:
    """An event as JSON: `id`, `at`, `kind`, `subject`, `message`, `model`, `severity`."""
    return {"id": recorded.id, **asdict(recorded.event)}


def _lines(found: Iterable[Recorded]) -> bytes:
    return b"".join(json.dumps(line(each)).encode() + b"\n" for each in found)


def _number(asked: Mapping[str, str], name: str, plain: int | float) -> Any:
    text = asked.get(name)
    if text is None:
        return plain
    try:
        return type(plain)(text)
    except ValueError:
        raise _wrong(name, f"{text!r} is not a number") from None


def _severity(text: str) -> Severity:
    try:
        return Severity(text)
    except ValueError:
        raise _wrong("severity", f"it must be {', '.join(Severity)}, not {text!r}") from None


def _wrong(name: str, cause: str) -> XinfError:
    return XinfError(ErrorCode.INVALID_VALUE, thing=name, cause=cause, param=name)
