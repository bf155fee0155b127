import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from tests.support.backends import ScriptedBackend
from xinf.protocol.messages import pb
from xinf.shim.backends.optional import BlocksRemoved, BlocksStored, KVChange
from xinf.shim.observe import CHANGES_MAX, Observers

SERVING = pb.Observation.State(status=pb.HealthCheckResponse.SERVING)
DRAINING = pb.Observation.State(status=pb.HealthCheckResponse.DRAINING)
NEVER = 3600.0


def stored(number: int) -> BlocksStored:
    return BlocksStored((bytes([number]),), b"", (1, 2), 2, "sim")


class CachingBackend(ScriptedBackend):
    """A scripted backend that tells KV events: whatever the test lets happen."""

    def __init__(self) -> None:
        super().__init__()
        self.cached: list[KVChange] = [stored(1)]
        self.listeners: list[Callable[[Sequence[KVChange]], None]] = []

    def kv_snapshot(self) -> Sequence[KVChange]:
        return tuple(self.cached)

    def subscribe_kv(self, tell: Callable[[Sequence[KVChange]], None]) -> Callable[[], None]:
        self.listeners.append(tell)
        return lambda: self.listeners.remove(tell)

    def happen(self, *changes: KVChange) -> None:
        for tell in self.listeners:
            tell(changes)


class Room:
    """Observers of one backend, whose state the test sets."""

    def __init__(self, backend: ScriptedBackend) -> None:
        self.backend = backend
        self.state = SERVING
        self.observers = Observers(backend, lambda: self.state)

    def follow(self) -> AsyncIterator[pb.Observation]:
        return self.observers.follow(NEVER)


async def told(news: AsyncIterator[pb.Observation], count: int) -> list[pb.Observation]:
    async with asyncio.timeout(10):
        return [await anext(news) for _ in range(count)]


def kinds(observations: list[pb.Observation]) -> list[str | None]:
    return [each.WhichOneof("what") for each in observations]


async def test_a_new_observer_is_first_told_everything() -> None:
    room = Room(CachingBackend())
    first = await told(room.follow(), 3)
    assert kinds(first) == ["state", "load", "kv"]
    assert [each.sequence for each in first] == [1, 2, 3]
    assert first[2].kv.events[0].stored.hashes == [b"\x01"]


async def test_an_engine_without_kv_events_tells_state_and_load() -> None:
    room = Room(ScriptedBackend(running=3))
    state, load = await told(room.follow(), 2)
    assert state.state == SERVING
    assert load.load.running == 3


async def test_kv_changes_are_told_at_once_and_in_order() -> None:
    backend = CachingBackend()
    news = Room(backend).follow()
    await told(news, 3)
    backend.happen(stored(2))
    backend.happen(BlocksRemoved((b"\x01",), "sim"))
    load, changes = await told(news, 2)
    assert kinds([load, changes]) == ["load", "kv"]
    assert [event.WhichOneof("event") for event in changes.kv.events] == ["stored", "removed"]
    assert changes.sequence == 5


async def test_a_change_of_state_is_told_at_once_and_once() -> None:
    room = Room(ScriptedBackend())
    news = room.follow()
    await told(news, 2)
    room.state = DRAINING
    room.observers.tell_state()
    state, _load = await told(news, 2)
    assert state.state == DRAINING
    room.observers.tell_state()
    assert kinds(await told(news, 1)) == ["load"]


async def test_an_observer_that_falls_behind_sees_a_gap_and_is_told_all_again() -> None:
    backend = CachingBackend()
    news = Room(backend).follow()
    await told(news, 3)
    for _ in range(CHANGES_MAX + 1):
        backend.happen(stored(2))
    backend.cached = [stored(9)]
    load, changes = await told(news, 2)
    assert load.sequence == 5, "4 was lost"
    events = changes.kv.events
    assert [event.WhichOneof("event") for event in events] == ["cleared", "stored"]
    assert events[1].stored.hashes == [b"\x09"]


async def test_observers_do_not_disturb_each_other_and_leave_nothing_behind() -> None:
    backend = CachingBackend()
    room = Room(backend)
    first, second = room.follow(), room.follow()
    await told(first, 3)
    await told(second, 3)
    await first.aclose()  # type: ignore[attr-defined]
    assert len(backend.listeners) == 1
    backend.happen(stored(2))
    assert kinds(await told(second, 2)) == ["load", "kv"]


async def test_closing_ends_every_feed() -> None:
    room = Room(ScriptedBackend())
    news = room.follow()
    await told(news, 2)
    room.observers.close()
    with pytest.raises(StopAsyncIteration):
        await anext(news)
