"""How every engine must end, and what it must leave behind."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import pytest

from tests.support.shim import (
    PATIENCE_S,
    ShimProcess,
    ask,
    channel_to,
    chat_body,
    long_body,
    refusal,
    session_to,
    until,
    until_running,
)
from xinf.core.errors import ErrorCode, XinfError
from xinf.engine.facts import HealthStatus
from xinf.engine.failure import EngineFailure

Start = Callable[..., ShimProcess]


async def test_a_drain_refuses_new_requests_and_finishes_old_ones(start_shim: Start) -> None:
    shim = start_shim()
    await shim.wait_ready()
    async with channel_to(shim) as channel, session_to(shim) as session:
        async with asyncio.TaskGroup() as tasks:
            old = tasks.create_task(ask(session, long_body(30)))
            await until_running(channel)
            assert not await channel.drain(0)
            assert (await channel.health(5)).status is HealthStatus.DRAINING
            failure = await refusal(session, chat_body())
            assert (failure.code, failure.retryable) == ("engine_draining", True)
            assert await channel.drain(PATIENCE_S)
        assert old.result().usage.completion_tokens == 30
        assert old.result().body.endswith(b"data: [DONE]\n\n")


async def test_shutdown_ends_the_process_in_order(start_shim: Start) -> None:
    shim = start_shim()
    await shim.wait_ready()
    async with channel_to(shim) as channel:
        await channel.shutdown(5)
    assert await shim.wait_exit() == 0
    assert not shim.socket.exists()
    assert shim.exit_file["code"] == 0
    assert "shutdown" in shim.exit_file["reason"]


async def test_sigterm_fails_what_runs_and_ends_in_order(start_shim: Start) -> None:
    shim = start_shim()
    await shim.wait_ready()
    async with channel_to(shim) as channel, session_to(shim) as session:
        async with asyncio.TaskGroup() as tasks:
            cut = tasks.create_task(refusal(session, long_body()))
            await until_running(channel)
            shim.process.send_signal(signal.SIGTERM)
        assert (cut.result().code, cut.result().retryable) == ("engine_draining", True)
        await session.wait_closed()
    assert await shim.wait_exit() == 0
    assert not shim.socket.exists()
    assert shim.exit_file["reason"] == "SIGTERM"


async def test_a_killed_engine_fails_its_streams_at_once(start_shim: Start) -> None:
    shim = start_shim()
    await shim.wait_ready()
    async with channel_to(shim) as channel, session_to(shim) as session:
        async with asyncio.TaskGroup() as tasks:
            cut = [tasks.create_task(refusal(session, long_body())) for _ in range(3)]
            await until_running(channel, 3)
            shim.process.kill()
        assert {(each.result().code, each.result().retryable) for each in cut} == {
            ("engine_failed", True)
        }
        with pytest.raises(EngineFailure, match="lost"):
            await ask(session, chat_body())
        with pytest.raises(XinfError) as unreachable:
            await channel.health(5)
        assert unreachable.value.code is ErrorCode.ENGINE_FAILED


async def test_the_status_file_tells_the_way_to_ready(start_shim: Start) -> None:
    shim = start_shim()
    seen: set[str] = set()

    def look() -> bool:
        seen.add(shim.status.get("phase", "nothing yet"))
        return "ready" in seen

    await until(look)
    assert shim.status["pid"] == shim.process.pid
    assert shim.status["instance"] == f"{shim.kind.name}-1"
    assert shim.status["progress"] == 1.0
    assert seen <= {"nothing yet", "starting", "loading", "warming", "ready"}
    async with channel_to(shim) as channel:
        assert (await channel.health(5)).is_serving


async def test_an_engine_that_nobody_watches_ends_itself(start_shim: Start) -> None:
    shim = start_shim(orphan_lease_seconds=0.3)
    assert await shim.wait_exit() == 75
    assert shim.exit_file["code"] == 75
    assert not shim.socket.exists()


async def test_options_that_make_no_sense_end_with_64(start_shim: Start) -> None:
    shim = start_shim(served_names="not a list")
    assert await shim.wait_exit() == 64
    assert shim.exit_file["code"] == 64
    assert "served_names" in shim.exit_file["reason"]


async def test_an_argument_that_the_engine_does_not_know_is_named(start_shim: Start) -> None:
    shim = start_shim(args={"no_such_argument": 1})
    assert await shim.wait_exit() in (64, 71)
    assert "no_such_argument" in shim.exit_file["reason"]
