from __future__ import annotations

import asyncio

from tests.support.clock import settle
from tests.support.gateway import Door, public_door, until
from tests.support.routing import declared, engine, world
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.models import Activation, ModelIntent, terminate
from xinf.core.placement import Obstacle, PlacementPlan, Unplaced
from xinf.core.states import EngineState


async def missing(door: Door) -> list[str]:
    """Who is missing; the status must agree."""
    reply = await door.ask("GET", "/ready")
    assert reply.status == (503 if reply.json["missing"] else 200)
    assert reply.json["ready"] is not bool(reply.json["missing"])
    return [each["model"] for each in reply.json["missing"]]


async def test_alive_says_ok_and_root_says_who_it_is() -> None:
    async with world() as w, public_door(w) as door:
        assert (await door.ask("GET", "/health")).json == {"status": "ok"}
        assert (await door.ask("GET", "/")).json["name"] == "xinf"
        for path in (b"/", b"/health", b"/ready"):
            reader, writer = await door.connect()
            writer.write(b"HEAD " + path + b" HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert (await reader.read()).endswith(b"\r\n\r\n")
            writer.close()


async def test_ready_when_every_wanted_model_has_a_replica_that_answers() -> None:
    manual = declared("m", activation=Activation.MANUAL)
    off = terminate(declared("off"))
    async with (
        world(declared("a", replicas=2), declared("b"), manual, off) as w,
        public_door(w) as door,
    ):
        assert await missing(door) == ["a", "b"]
        w.start(engine("a/0"))
        await settle()
        assert await missing(door) == ["b"]
        w.start(engine("b/0", EngineState.LOADING))
        assert await missing(door) == ["b"]
        w.start(engine("b/0"))
        await settle()
        assert await missing(door) == []


async def test_what_waits_to_be_asked_for_or_found_no_room_is_not_missing() -> None:
    preloaded = declared("c", activation=Activation.PRELOAD)
    lazy = declared("b", activation=Activation.ON_DEMAND)
    async with world(declared("a"), lazy, preloaded) as w, public_door(w) as door:
        resting = [
            Unplaced("a/0", "a", 9, 2, "no room", Obstacle.NO_ROOM),
            Unplaced("b/0", "b", 9, 0, "nobody asked", Obstacle.ON_DEMAND),
            Unplaced("c/0", "c", 9, 2, "no room", Obstacle.NO_ROOM),
        ]
        w.plans.set("current", PlacementPlan(unplaced=tuple(resting)))
        assert await missing(door) == ["c"]


async def test_an_engine_that_says_ready_but_cannot_be_reached_is_missing_with_the_reason() -> None:
    async with world() as w, public_door(w) as door:
        w.refuse_connections = XinfError(ErrorCode.ENGINE_INCOMPATIBLE, cause="it speaks version 9")
        w.start(engine("a/0"))
        await settle()
        (entry,) = (await door.ask("GET", "/ready")).json["missing"]
        assert entry["model"] == "a"
        assert "version 9" in entry["reason"]


async def test_a_dead_engine_makes_it_unready_at_once() -> None:
    async with world() as w, public_door(w) as door:
        w.start(engine("a/0"))
        await settle()
        assert await missing(door) == []
        w.session().die()
        await settle()
        assert await missing(door) == ["a"]


async def test_nothing_is_ready_before_the_records_were_read() -> None:
    async with world() as w, public_door(w) as door:
        w.models.items.clear()
        w.models.forget()
        asking = asyncio.ensure_future(door.ask("GET", "/ready"))
        await until(lambda: door.site.inflight == 1)
        await w.clock.advance(1)
        reply = await asking
        assert reply.status == 503
        assert reply.json["missing"][0]["state"] == "starting"


async def test_a_model_without_any_description_is_not_waited_for() -> None:
    async with world() as w, public_door(w) as door:
        w.models.set("a", ModelIntent())
        assert await missing(door) == []
