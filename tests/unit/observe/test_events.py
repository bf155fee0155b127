from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.support.clock import VirtualClock, settle
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.events import Event, Severity
from xinf.meta.events import EventQuery, Recorded
from xinf.observe.events import BURST, GATHER_S, MESSAGE_CHARS_MAX, RATE_PER_S, EventLog


class Table:
    """Keeps what it is given, batch by batch."""

    def __init__(self) -> None:
        self.batches: list[list[Event]] = []
        self.trouble: XinfError | None = None
        self.gate: asyncio.Event | None = None

    async def append_events(self, events: Sequence[Event]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        self.batches.append(list(events))

    async def list_events(self, query: EventQuery) -> tuple[Recorded, ...]:
        raise NotImplementedError


def event(message: str = "m") -> Event:
    return Event(1.0, "test.told", "a/0", message, "a")


@asynccontextmanager
async def running() -> AsyncIterator[tuple[EventLog, Table, VirtualClock]]:
    clock, table = VirtualClock(), Table()
    made = EventLog(table, clock)
    task = asyncio.ensure_future(made.run())
    yield made, table, clock
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_told_in_one_moment_is_one_write() -> None:
    async with running() as (log, table, clock):
        log.tell(event("one"))
        log.tell(event("two"))
        await settle()
        assert table.batches == []
        await clock.advance(GATHER_S)
        assert [[each.message for each in batch] for batch in table.batches] == [["one", "two"]]
        await clock.advance(10)
        assert len(table.batches) == 1


async def test_a_store_in_trouble_ends_nothing() -> None:
    async with running() as (log, table, clock):
        table.trouble = XinfError(ErrorCode.DISK_FULL, cause="no space")
        log.tell(event("lost"))
        await clock.advance(1)
        table.trouble = None
        log.tell(event("kept"))
        await clock.advance(1)
        assert [[each.message for each in batch] for batch in table.batches] == [["kept"]]


async def test_a_flood_is_cut_off_and_counted() -> None:
    async with running() as (log, table, clock):
        for _ in range(BURST + 7):
            log.tell(event())
        await clock.advance(GATHER_S)
        assert sum(map(len, table.batches)) == BURST
        await clock.advance(2 / RATE_PER_S)
        log.tell(event("after"))
        await clock.advance(1)
        *_, after, omission = [each for batch in table.batches for each in batch]
        assert after.message == "after"
        assert omission.severity is Severity.WARNING
        assert "7 events were left out" in omission.message


async def test_a_long_message_is_cut() -> None:
    async with running() as (log, table, clock):
        log.tell(event("x" * (MESSAGE_CHARS_MAX + 1)))
        await clock.advance(1)
        assert table.batches[0][0].message == "x" * MESSAGE_CHARS_MAX + " ..."


async def test_what_was_being_written_when_the_end_came_is_written_at_the_end() -> None:
    clock, table = VirtualClock(), Table()
    log = EventLog(table, clock)
    task = asyncio.ensure_future(log.run())
    table.gate = asyncio.Event()
    log.tell(event("first"))
    await clock.advance(GATHER_S)
    log.tell(event("second"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    table.gate.set()
    await log.flush()
    assert [each.message for each in table.batches[0]] == ["first", "second"]
