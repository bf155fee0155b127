"""What requests do, as plans see it, with the real router and faked engines."""

from __future__ import annotations

import asyncio

from tests.support.clock import settle
from tests.support.routing import World, engine, world
from xinf.core.requests import Priority
from xinf.core.states import EngineState
from xinf.daemon.picture import Use
from xinf.daemon.traffic import RouterTraffic
from xinf.router.admission import Ask
from xinf.scheduler.snapshot import Demand


class Client:
    def __init__(self, w: World, priority: int = Priority.DEFAULT) -> None:
        self._world = w
        ticket = w.admission.next_ticket()
        self._ask = Ask("a", priority, deadline=w.clock.now() + 60, ticket=ticket)
        self._leave = asyncio.Event()
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        async with self._world.admission.seat(self._ask):
            await self._leave.wait()

    async def leave(self) -> None:
        self._leave.set()
        await self.task

    async def vanish(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def traffic(w: World) -> RouterTraffic:
    return RouterTraffic(w.admission, w.table)


async def test_a_replica_is_busy_while_a_request_is_there_and_idle_since_its_end() -> None:
    async with world() as w:
        w.start(engine("a/0"))
        await w.clock.advance(3)
        client = Client(w)
        await settle()
        assert traffic(w).uses() == {"a/0": Use(is_busy=True, last_used=3.0)}
        await w.clock.advance(4)
        await client.leave()
        assert traffic(w).uses() == {"a/0": Use(is_busy=False, last_used=7.0)}


async def test_what_waits_for_a_model_that_nobody_serves_is_demand() -> None:
    async with world() as w:
        await w.clock.advance(5)
        first = Client(w, Priority.BULK)
        await w.clock.advance(1)
        second = Client(w, Priority.INTERACTIVE)
        await settle()
        assert traffic(w).demand() == {"a": Demand(waiting=2, since=5.0, priority=10)}
        await first.vanish()
        assert traffic(w).demand() == {"a": Demand(waiting=1, since=6.0, priority=10)}
        await second.vanish()
        assert traffic(w).demand() == {}


async def test_what_waits_for_a_place_at_a_serving_model_is_no_demand() -> None:
    async with world(parallel=1) as w:
        w.start(engine("a/0"))
        await settle()
        clients = [Client(w) for _ in range(4)]
        await settle()
        assert w.admission.waiting("a") > 0
        assert traffic(w).demand() == {}
        for client in clients:
            await client.vanish()


async def test_new_demand_rings_and_a_change_at_a_replica_only_while_there_is_demand() -> None:
    async with world() as w:
        rings: list[float] = []
        w.start(engine("a/0"))
        await settle()
        traffic(w).subscribe(lambda: rings.append(w.clock.now()))
        served = Client(w)
        await settle()
        await served.leave()
        assert rings == []
        w.start(engine("a/0", EngineState.STOPPED))
        await settle()
        waits = Client(w)
        await settle()
        assert len(rings) == 1
        w.start(engine("a/0", EngineState.STARTING, start=2))
        await settle()
        assert len(rings) > 1
        await waits.vanish()
