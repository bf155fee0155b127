from dataclasses import replace

from tests.support.clock import VirtualClock
from tests.support.store import records
from tests.unit.agent.test_orphans import record
from xinf.agent.publisher import Publisher
from xinf.core.progress import Progress, Step


async def test_the_newest_record_is_what_stands_in_the_store() -> None:
    async with records(VirtualClock()) as store:
        publisher = Publisher(store, "local")
        first = record(1, 1)
        publisher.publish(first)
        publisher.publish(replace(first, reason="newer"))
        await publisher.flush()
        assert await store.engines.list() == {"local/a/0": replace(first, reason="newer")}


async def test_what_is_forgotten_leaves_the_store() -> None:
    async with records(VirtualClock()) as store:
        publisher = Publisher(store, "local")
        publisher.publish(record(1, 1))
        publisher.tell_progress("a/0", Progress("a/0", "a", Step("loading", 1, 2)))
        await publisher.flush()
        publisher.forget("a/0")
        publisher.tell_progress("a/0", None)
        await publisher.flush()
        assert await store.engines.list() == {}
        assert await store.progress.list() == {}
