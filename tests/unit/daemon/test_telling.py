from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clock import VirtualClock
from tests.support.routing import FakeMirror
from tests.support.store import records
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.events import Event, Severity
from xinf.core.nodes import Device, NodeStatus
from xinf.daemon.roles import BOTH, Role
from xinf.daemon.telling import tell_of_nodes, telling
from xinf.meta.events import EventQuery
from xinf.meta.records import Records
from xinf.meta.sqlite import SqliteStore


def table(store: Records) -> SqliteStore:
    assert isinstance(store.store, SqliteStore)
    return store.store


async def told(store: Records) -> list[tuple[str, str]]:
    found = await table(store).list_events(EventQuery())
    return [(each.event.kind, each.event.message) for each in found]


async def test_start_and_end_are_the_first_and_the_last_event() -> None:
    clock = VirtualClock()
    async with records(clock) as store:
        async with telling(table(store), BOTH, clock) as log:
            log.tell(Event(clock.wall(), "test.told", "a", "between"))
        assert await told(store) == [
            ("xinf.started", "xinf has started"),
            ("test.told", "between"),
            ("xinf.ended", "xinf ended in order"),
        ]


async def test_an_end_in_disorder_is_told_with_its_reason() -> None:
    clock = VirtualClock()
    async with records(clock) as store:
        with pytest.raises(ExceptionGroup):
            async with telling(table(store), frozenset({Role.WORKER}), clock):
                raise ExceptionGroup("tasks", [ValueError("a pipe burst\nmore")])
        assert (await told(store))[-1] == ("xinf.ended", "xinf worker ended: a pipe burst")


async def test_a_store_that_was_set_aside_is_told() -> None:
    clock = VirtualClock()
    notice = XinfError(ErrorCode.STORE_CORRUPT, thing="store x", cause="was damaged")
    async with records(clock) as store:
        async with telling(table(store), frozenset({Role.CONTROL}), clock, notice):
            pass
        assert (await told(store))[1] == ("store.damaged", "store x: was damaged.")


async def test_what_becomes_of_devices_is_told_and_only_once() -> None:
    device = Device("GPU-a", "cuda", 0, "NVIDIA A", 100, 0)
    nodes, heard, clock = FakeMirror[NodeStatus](), list[Event](), VirtualClock()
    tell_of_nodes(nodes, heard.append, clock)
    well = NodeStatus("local", (device,))
    nodes.set("local", well)
    nodes.set("local", replace(well, devices=()))
    nodes.set("local", replace(well, devices=()))
    assert [(each.kind, each.severity) for each in heard] == [("device.lost", Severity.ERROR)]
