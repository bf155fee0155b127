from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.clock import VirtualClock, settle
from xinf.core.nodes import NodeStatus
from xinf.daemon.liveness import LOOK_S, SILENT_AFTER_S, Liveness, lease_of
from xinf.meta.leases import Lease, Terms
from xinf.meta.records import Records
from xinf.meta.sqlite import SqliteStore, open_store

NODE = "local"
ALIVE = NodeStatus(NODE, ())
SOON_S = SILENT_AFTER_S + LOOK_S


@dataclass
class Plane:
    """A control plane that looks for the worker of one node."""

    store: SqliteStore
    clock: VirtualClock
    tasks: asyncio.TaskGroup

    def __post_init__(self) -> None:
        self.nodes = Records(self.store).nodes

    def worker(self, holder: str) -> asyncio.Task[None]:
        lease = Lease(self.store, lease_of(NODE), holder, self.clock)
        return self.tasks.create_task(lease.keep())

    async def status(self) -> NodeStatus:
        found = await self.nodes.get(NODE)
        assert found is not None
        return found


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@asynccontextmanager
async def plane(folder: Path, clock: VirtualClock) -> AsyncIterator[Plane]:
    async with (
        open_store(folder / "xinf.db", clock, inline=True) as store,
        asyncio.TaskGroup() as tasks,
    ):
        made = Plane(store, clock, tasks)
        await made.nodes.put(NODE, ALIVE)
        looking = tasks.create_task(Liveness(Records(store), store, clock).run())
        await settle()
        yield made
        looking.cancel()


async def test_the_node_of_a_living_worker_is_left_alone(
    tmp_path: Path, clock: VirtualClock
) -> None:
    async with plane(tmp_path, clock) as p:
        worker = p.worker("one")
        await clock.advance(10 * SILENT_AFTER_S)
        assert await p.status() == ALIVE
        worker.cancel()


async def test_a_worker_that_fell_silent_is_told_of_with_its_node(
    tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with plane(tmp_path, clock) as p:
        await p.store.take_lease(lease_of(NODE), "killed", None)
        await clock.advance(SILENT_AFTER_S - 1)
        assert await p.status() == ALIVE
        await clock.advance(2 * LOOK_S)
        status = await p.status()
        assert (status.is_degraded, status.reason) == (True, "the worker of node local is silent")
        await clock.advance(10 * LOOK_S)
        assert caplog.text.count("is silent") == 1


async def test_a_worker_that_left_is_told_of_in_other_words(
    tmp_path: Path, clock: VirtualClock
) -> None:
    async with plane(tmp_path, clock) as p:
        worker = p.worker("one")
        await settle()
        worker.cancel()
        await clock.advance(SOON_S)
        assert (await p.status()).reason == "node local has no worker"


async def test_a_worker_that_comes_after_a_killed_one_is_never_missed(
    tmp_path: Path, clock: VirtualClock
) -> None:
    async with plane(tmp_path, clock) as p:
        await p.store.take_lease(lease_of(NODE), "killed", None)
        await clock.advance(LOOK_S)
        worker = p.worker("next")
        for _ in range(round(3 * Terms().ttl_s)):
            await clock.advance(1)
            assert await p.status() == ALIVE
        worker.cancel()


async def test_a_worker_that_is_back_speaks_for_its_node_again(
    tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with plane(tmp_path, clock) as p:
        await p.store.take_lease(lease_of(NODE), "killed", None)
        await clock.advance(SOON_S)
        assert (await p.status()).is_degraded
        worker = p.worker("back")
        await p.nodes.put(NODE, ALIVE)  # the first thing that a worker does
        for _ in range(round(SOON_S)):
            await clock.advance(1)
            assert await p.status() == ALIVE
        assert "is heard of again" in caplog.text
        worker.cancel()


async def test_a_node_that_is_no_more_is_not_brought_back(
    tmp_path: Path, clock: VirtualClock
) -> None:
    async with plane(tmp_path, clock) as p:
        liveness = Liveness(Records(p.store), p.store, clock)
        await liveness.look("gone")
        await clock.advance(SOON_S)
        await liveness.look("gone")
        assert await p.nodes.get("gone") is None
