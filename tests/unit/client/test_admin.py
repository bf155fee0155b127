"""The client against a real Unix socket that speaks the contract."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.admin import FakeDaemon, at, fake_daemon, model, moment, replica
from xinf.client.admin import AdminClient
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.states import EngineState


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    with fake_daemon() as running:
        yield running


async def test_views_arrive_as_the_records_that_they_are(daemon: FakeDaemon) -> None:
    daemon.models = [model(aliases=("gpt",))]
    daemon.replicas = [replica(state=EngineState.LOADING, progress=at("loading", 1, 4, 3.0))]
    async with AdminClient(daemon.socket) as client:
        assert await client.models() == tuple(daemon.models)
        assert await client.replicas() == tuple(daemon.replicas)
        status = await client.status()
    assert (status.url, status.pid) == ("http://127.0.0.1:5090", daemon.pid)
    assert (status.models, status.replicas) == (tuple(daemon.models), tuple(daemon.replicas))


async def test_a_launch_says_the_name_and_the_description(daemon: FakeDaemon) -> None:
    async with AdminClient(daemon.socket) as client:
        assert (await client.launch("echo", {"engine": "sim", "replicas": 2})).name == "echo"
    assert daemon.requests[0].body == {"name": "echo", "engine": "sim", "replicas": 2}


async def test_a_name_with_a_slash_stays_one_part_of_the_path(daemon: FakeDaemon) -> None:
    daemon.models = [model("echo", aliases=("org/echo?x=1",))]
    async with AdminClient(daemon.socket) as client:
        assert (await client.terminate("org/echo?x=1")).name == "echo"


async def test_terminate_and_shutdown(daemon: FakeDaemon) -> None:
    daemon.models = [model("echo")]
    async with AdminClient(daemon.socket) as client:
        assert (await client.terminate("echo")).name == "echo"
        assert await client.shutdown(hurry=True) == daemon.pid
    assert daemon.requests[-1].body == {"hurry": True}


async def test_a_watch_tells_every_moment_and_can_be_left(daemon: FakeDaemon) -> None:
    daemon.moments = [moment(), moment([model()], [replica()], ready=True)]
    async with AdminClient(daemon.socket) as client, aclosing(client.watch("echo")) as moments:
        first = await anext(moments)
        second = await anext(moments)
    assert (first.models, first.ready) == ((), False)
    assert (second.models, second.replicas, second.ready) == ((model(),), (replica(),), True)
    assert daemon.requests[0].query == {"model": "echo"}


async def test_a_watch_ends_when_the_daemon_ends_it(daemon: FakeDaemon) -> None:
    daemon.moments, daemon.watch_ends = [moment()], True
    async with AdminClient(daemon.socket) as client:
        assert len([found async for found in client.watch()]) == 1


async def test_a_refusal_is_raised_here_as_it_was_there(daemon: FakeDaemon) -> None:
    daemon.refusal = XinfError(
        ErrorCode.INVALID_VALUE, thing="launch x", cause="it is wrong", param="replicas"
    )
    async with AdminClient(daemon.socket) as client:
        with pytest.raises(XinfError) as caught:
            await client.launch("x", {})
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_VALUE, "replicas")
    assert str(caught.value) == "launch x: it is wrong."


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (web.Response(status=500, text="oops"), "status 500 without an error in the body"),
        (web.json_response({"error": {"message": "new", "code": "from_the_future"}}, status=418),
         "new."),
        (web.Response(text="not json"), "it cannot be understood"),
        (web.json_response({"models": [{"name": 3}]}), "it cannot be understood"),
    ],
)  # fmt: skip
async def test_an_answer_that_makes_no_sense_is_an_internal_error(
    daemon: FakeDaemon, answer: web.Response, told: str
) -> None:
    daemon.raw_answer = answer
    async with AdminClient(daemon.socket) as client:
        with pytest.raises(XinfError) as caught:
            await client.models()
    assert caught.value.code is ErrorCode.INTERNAL
    assert told in str(caught.value)


async def test_where_nobody_listens_it_is_not_running(tmp_path: Path) -> None:
    async with AdminClient(tmp_path / "admin.sock") as client:
        with pytest.raises(XinfError, match="xinf is not running") as caught:
            await client.status()
    assert caught.value.code is ErrorCode.NOT_RUNNING


async def test_a_socket_that_a_dead_one_left_behind_is_nobody_either() -> None:
    root = Path(tempfile.mkdtemp(prefix="xa", dir="/tmp"))
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(root / "admin.sock"))
    try:
        async with AdminClient(root / "admin.sock") as client:
            with pytest.raises(XinfError) as caught:
                await client.models()
    finally:
        shutil.rmtree(root)
    assert caught.value.code is ErrorCode.NOT_RUNNING


async def test_a_daemon_that_dies_while_it_answers_has_ended(daemon: FakeDaemon) -> None:
    daemon.dies = True
    async with AdminClient(daemon.socket) as client:
        with pytest.raises(XinfError, match="xinf ended before it had answered") as caught:
            await client.status()
    assert caught.value.code is ErrorCode.NOT_RUNNING


async def test_a_daemon_that_does_not_answer_is_not_waited_for_for_ever(
    daemon: FakeDaemon,
) -> None:
    daemon.silent = True
    async with AdminClient(daemon.socket, answer_timeout_s=0.05) as client:
        with pytest.raises(XinfError, match="did not answer within") as caught:
            await client.status()
    assert caught.value.code is ErrorCode.TIMED_OUT
