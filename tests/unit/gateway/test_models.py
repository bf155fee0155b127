from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from tests.support.clock import settle
from tests.support.gateway import Door, public_door
from tests.support.routing import World, declared, engine, world
from xinf.core.models import terminate
from xinf.core.states import EngineState


@pytest.fixture
async def w() -> AsyncIterator[World]:
    async with world(
        declared("a", aliases=("Org/Name:fast", "ö")), declared("b", context=512)
    ) as made:
        made.start(engine("a/0", context=4096), engine("a/1", context=2048))
        await settle()
        yield made


@pytest.fixture
async def door(w: World) -> AsyncIterator[Door]:
    async with public_door(w) as opened:
        yield opened


async def test_every_declared_model_is_listed_under_all_its_names(door: Door) -> None:
    reply = await door.ask("GET", "/v1/models")
    assert reply.json["object"] == "list"
    assert [row["id"] for row in reply.json["data"]] == ["a", "Org/Name:fast", "ö", "b"]


async def test_a_row_has_what_different_clients_look_for(w: World, door: Door) -> None:
    reply = await door.ask("GET", "/v1/models/a")
    assert reply.json == {
        "id": "a",
        "object": "model",
        "created": int(w.clock.wall()),
        "owned_by": "xinf",
        "root": "a",
        "status": "loaded",
        "context_length": 2048,
        "max_model_len": 2048,
    }


async def test_before_it_is_loaded_a_model_tells_the_context_that_was_asked_for(door: Door) -> None:
    row = (await door.ask("GET", "/v1/models/b")).json
    assert (row["status"], row["context_length"]) == ("loading", 512)


@pytest.mark.parametrize("path", ["Org/Name:fast", quote("Org/Name:fast", safe=""), quote("ö")])
async def test_ids_with_slashes_colons_and_escapes_are_found(door: Door, path: str) -> None:
    row = (await door.ask("GET", f"/v1/models/{path}")).json
    assert row["root"] == "a"


async def test_states_have_the_words_of_other_routers(w: World, door: Door) -> None:
    async def status(name: str) -> str:
        return (await door.ask("GET", f"/v1/models/{name}")).json["status"]

    w.start(engine("b/0", EngineState.FAILED))
    w.models.set("a", terminate(declared("a")))
    assert (await status("a"), await status("b")) == ("unloaded", "failed")


async def test_a_head_of_a_model_is_answered_without_a_body(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(b"HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b""
    writer.close()


async def test_an_alias_of_two_models_is_listed_once() -> None:
    async with (
        world(declared("a", aliases=("x",)), declared("b", aliases=("x", "a"))) as w,
        public_door(w) as door,
    ):
        rows = (await door.ask("GET", "/v1/models")).json["data"]
        assert [(row["id"], row["root"]) for row in rows] == [("a", "a"), ("x", "a"), ("b", "b")]
