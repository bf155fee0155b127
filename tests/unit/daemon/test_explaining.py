"""Why a model is where it is: the planner's own picture, with a router that is faked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.routing import World, engine, world
from tests.support.store import records
from xinf.config.source import ConfigSource
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.events import Event
from xinf.core.models import ModelIntent, ModelSpec, SimSpec, terminate
from xinf.core.nodes import Device, NodeStatus
from xinf.core.placement import Obstacle
from xinf.core.states import EngineState, ModelState
from xinf.core.units import GIB
from xinf.daemon.explaining import Explaining
from xinf.daemon.preview import planner_alone
from xinf.meta.sqlite import SqliteStore

GPU = Device("GPU-a", "cuda", 0, "NVIDIA A", 32 * GIB, 0)


def sim(name: str, gib: int, **more: object) -> ModelIntent:
    spec = ModelSpec(name, engine="sim", sim=SimSpec(memory_bytes=gib * GIB), **more)  # type: ignore[arg-type]
    return ModelIntent(declared=spec)


@asynccontextmanager
async def asked(*intents: ModelIntent) -> AsyncIterator[tuple[Explaining, World]]:
    """A planner that has decided about `intents` on one GPU."""
    async with world(*intents) as w, records(w.clock) as store:
        table = store.store
        assert isinstance(table, SqliteStore)
        await store.nodes.put("local", NodeStatus("local", (GPU,)))
        for intent in intents:
            assert intent.spec is not None
            await store.models.put(intent.spec.name, intent)
        reading = ConfigSource({"HOME": "/nowhere"}, Path("/nowhere")).read()
        planner = planner_alone(reading, store, w.clock)
        loops = [asyncio.ensure_future(mirror.run()) for mirror in planner.mirrors]
        await planner.picture.synced()
        w.plans.set("current", await planner.look())
        told = [
            Event(1.0, "engine.ready", "coder/0", "serving", "coder"),
            Event(2.0, "engine.ready", "coder/1", "serving", "coder"),
            Event(3.0, "engine.ready", "b/0", "serving", "b"),
        ]
        await table.append_events(told)
        file = Path("/home/xinf.toml")
        yield (
            Explaining(planner, w.overview, w.directory, table, w.admission.waiting, lambda: file),
            w,
        )
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


async def test_a_model_that_runs_tells_who_asked_where_it_is_and_what_happened() -> None:
    async with asked(sim("coder", 4, replicas=2, aliases=("gpt",)), sim("b", 1)) as (it, w):
        w.start(engine("coder/0", reason="serving", context=2048))
        found = await it.why("gpt")
    assert (found.model, found.asked_by, found.config_file) == (
        "coder",
        "config file",
        "/home/xinf.toml",
    )
    first, second = found.seating.replicas
    assert (first.replica, first.devices, first.bytes) == ("coder/0", ("cuda:0",), 4 * GIB)
    assert (first.state, first.reason, first.context) == (EngineState.READY, "serving", 2048)
    assert (second.replica, second.state) == ("coder/1", None)
    assert first.why
    assert [event.subject for event in found.events] == ["coder/0", "coder/1"]


async def test_one_replica_is_told_alone() -> None:
    async with asked(sim("coder", 4, replicas=2)) as (it, _):
        found = await it.why("coder/1")
    assert [story.replica for story in found.seating.replicas] == ["coder/1"]
    assert [event.subject for event in found.events] == ["coder/1"]


async def test_a_model_without_a_place_tells_need_reason_and_what_would_help() -> None:
    async with asked(sim("coder", 40), sim("b", 1)) as (it, _):
        found = await it.why("coder")
    (entry,) = found.seating.unplaced
    assert entry.obstacle is Obstacle.TOO_LARGE
    assert found.reason == entry.reason
    assert found.seating.need is not None
    assert found.seating.need.bytes == 40 * GIB
    (room,) = found.seating.rooms
    assert [holder.replica for holder in room.holders] == ["b/0"]


async def test_a_model_that_was_terminated_tells_by_whom() -> None:
    async with asked(terminate(sim("coder", 4))) as (it, _):
        found = await it.why("coder")
    assert (found.state, found.asked_by) == (ModelState.OFF, "terminate command")
    assert found.config_file == ""
    assert found.seating.replicas == ()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("codr", "Did you mean coder?"),
        ("zzz", "There are: coder, gpt"),
        ("coder/7", "See `xinf why coder`"),
        ("codr/0", "Did you mean coder?"),
    ],
)
async def test_an_unknown_name_is_refused_with_what_was_probably_meant(
    name: str, hint: str
) -> None:
    async with asked(sim("coder", 4, aliases=("gpt",))) as (it, _):
        with pytest.raises(XinfError) as refused:
            await it.why(name)
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert hint in str(refused.value)
