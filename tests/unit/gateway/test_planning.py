"""plan, apply and why over the admin socket: the records that go in come out of the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.gateway import LIMITS
from tests.support.planning import FakePlanner, explanation
from xinf.client.admin import AdminClient
from xinf.clock import SystemClock
from xinf.core.changes import Action, Balance, Change, Outlook, Preview
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.events import Event, Severity
from xinf.core.memory import Basis
from xinf.core.placement import AppliedRule, Obstacle, Unplaced
from xinf.core.states import EngineState, ModelState
from xinf.core.why import Holder, ReplicaStory, Requirement, Room, Seating
from xinf.gateway.connection import HttpServer
from xinf.gateway.doors import bind_admin
from xinf.gateway.site import Route, Site

UNPLACED = Unplaced("b/0", "b", 9, 3, "needs 9", Obstacle.TOO_LARGE, 'context = "8k"')


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[tuple[FakePlanner, AdminClient]]:
    clock, planner = SystemClock(), FakePlanner()
    planning = planner.planning(clock)
    routes = (
        Route("POST", "/admin/v1/plan", planning.plan),
        Route("POST", "/admin/v1/apply", planning.apply),
        Route("GET", "/admin/v1/why/", planning.why),
    )
    server = HttpServer(Site(routes, with_exit_codes=True), clock, LIMITS)
    door = await asyncio.get_running_loop().create_unix_server(
        server, sock=bind_admin(folder / "s")
    )
    async with AdminClient(folder / "s") as client:
        yield planner, client
    door.close()
    await server.cut_off()


async def test_a_preview_arrives_as_it_was_made(tmp_path: Path) -> None:
    change = Change(Action.MOVE, "a", "a/0", ("GPU-a",), 5, "because", (("weights", 5),))
    balance = Balance("cuda:0", "GPU-a", "NVIDIA A", 32, 4, 9, 1, 1, is_inferred=True)
    made = Outlook(
        Preview((change,), (UNPLACED,), (balance,), ("c",)), "/x.toml", ("b",), ("server.port",)
    )
    async with desk(tmp_path) as (planner, client):
        planner.outlook = made
        assert await client.plan("[models.a]", Path("/x.toml")) == made
        assert planner.asked == [("plan", "[models.a]", Path("/x.toml"))]


async def test_a_wrong_file_is_refused_as_the_settings_say(tmp_path: Path) -> None:
    async with desk(tmp_path) as (planner, client):
        planner.refusal = XinfError(ErrorCode.CONFIG_INVALID, thing="x.toml:2", cause="no")
        with pytest.raises(XinfError) as refused:
            await client.plan("", Path("/x.toml"))
    assert refused.value.code is ErrorCode.CONFIG_INVALID
    assert "x.toml:2" in str(refused.value)


async def test_what_was_applied_tells_the_file_and_what_is_kept(tmp_path: Path) -> None:
    async with desk(tmp_path) as (planner, client):
        applied = await client.apply("text", Path("/new.toml"))
        assert (applied.file, applied.kept) == ("/etc/xinf.toml", "/etc/xinf.toml.before")
        assert planner.asked == [("apply", "text", Path("/new.toml"))]


async def test_an_explanation_arrives_as_it_was_made(tmp_path: Path) -> None:
    seating = Seating(
        need=Requirement(9, Basis.ESTIMATED, (("weights", 9),), 2, 4096),
        replicas=(
            ReplicaStory(
                "b/0",
                ("cuda:0",),
                9,
                "the emptiest",
                EngineState.READY,
                "serving",
                5.0,
                4096,
                (AppliedRule("r", "because", "https://example.org", {"a": 1}, {"B": "1"}),),
            ),
        ),
        unplaced=(UNPLACED,),
        rooms=(Room("cuda:0", "GPU-a", "NVIDIA A", 32, 1, 2, 3, (Holder("b/0", 9, True, True),)),),
    )
    event = Event(1.0, "engine.ready", "b/0", "serving", "b", Severity.WARNING)
    made = explanation("b", ModelState.READY, seating=seating, events=(event,), waiting=3)
    async with desk(tmp_path) as (planner, client):
        planner.known = {"b": made, "org/x:y": made}
        assert await client.why("b") == made
        assert await client.why("org/x:y") == made
        with pytest.raises(XinfError) as unknown:
            await client.why("c")
    assert unknown.value.code is ErrorCode.NOT_FOUND


async def test_a_body_without_a_text_is_named(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, client):
        with pytest.raises(XinfError, match="file: it must be a string"):
            await client._ask("POST", "plan", None, {"text": ""})  # type: ignore[arg-type]
