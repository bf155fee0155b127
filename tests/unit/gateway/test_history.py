"""Events over the admin socket: a real table, a real client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest

from tests.support.gateway import LIMITS
from tests.support.store import records
from xinf.client.admin import AdminClient
from xinf.clock import SystemClock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.events import Event, Severity
from xinf.gateway.connection import HttpServer
from xinf.gateway.doors import bind_admin
from xinf.gateway.history import History, query_of
from xinf.gateway.site import Route, Site
from xinf.meta.events import EventQuery, Recorded
from xinf.meta.sqlite import SqliteStore


def event(message: str, model: str = "a", severity: Severity = Severity.INFO) -> Event:
    return Event(5.0, "test.told", f"{model}/0", message, model, severity)


def messages(found: Sequence[Recorded]) -> list[str]:
    return [each.event.message for each in found]


@asynccontextmanager
async def desk(socket_dir) -> AsyncIterator[tuple[SqliteStore, AdminClient]]:
    clock = SystemClock()
    async with records(clock) as store, AdminClient(socket_dir / "s") as client:
        table = store.store
        assert isinstance(table, SqliteStore)
        history = History(table, lambda name: {"gpt": "a"}.get(name, name), clock)
        site = Site([Route("GET", "/admin/v1/events", history.list)], with_exit_codes=True)
        server = HttpServer(site, clock, LIMITS)
        loop = asyncio.get_running_loop()
        door = await loop.create_unix_server(server, sock=bind_admin(socket_dir / "s"))
        yield table, client
        door.close()
        await server.cut_off()


async def test_events_arrive_as_they_were_told(tmp_path) -> None:
    async with desk(tmp_path) as (table, client):
        told = event("uh", "b", Severity.ERROR)
        await table.append_events([event("one"), told])
        found = await client.events(EventQuery())
        assert messages(found) == ["one", "uh"]
        assert found[1].event == told
        assert messages(await client.events(EventQuery(about="gpt"))) == ["one"]
        assert messages(await client.events(EventQuery(severity=Severity.WARNING))) == ["uh"]
        assert messages(await client.events(EventQuery(last=1, after=found[0].id))) == ["uh"]


async def test_whoever_follows_hears_what_is_there_and_then_what_comes(tmp_path) -> None:
    async with desk(tmp_path) as (table, client):
        await table.append_events([event("old"), event("newer")])
        async with aclosing(client.follow_events(EventQuery(last=1))) as told:
            assert (await anext(told)).event.message == "newer"
            await table.append_events([event("other", "b"), event("newest")])
            assert (await anext(told)).event.message == "other"
            assert (await anext(told)).event.message == "newest"


async def test_whoever_follows_from_now_on_does_not_hear_the_past(tmp_path) -> None:
    async with desk(tmp_path) as (table, client):
        await table.append_events([event("past")])
        async with aclosing(client.follow_events(EventQuery(since=9.0, about="a"))) as told:
            first = asyncio.ensure_future(anext(told))
            # It is heard once the past has been passed over, whenever that is.
            while not first.done():
                await table.append_events([event("new")])
                await asyncio.sleep(0.05)
            assert first.result().event.message == "new"


@pytest.mark.parametrize("asked", [{"last": "many"}, {"since": "noon"}, {"severity": "dire"}])
def test_a_wrong_parameter_is_named(asked: dict[str, str]) -> None:
    with pytest.raises(XinfError) as refused:
        query_of(asked)
    assert refused.value.code is ErrorCode.INVALID_VALUE
    assert refused.value.param in asked
