import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from tests.support.backends import ScriptedBackend, served
from xinf.core.errors import ErrorCode, XinfError
from xinf.engine import channel as channel_module
from xinf.engine.channel import EngineChannel
from xinf.engine.facts import HealthStatus
from xinf.engine.load import EngineLoad
from xinf.engine.observation import EngineStatus
from xinf.shim.backends.optional import EngineMetrics


async def test_health_says_status_instance_and_load() -> None:
    async with served(ScriptedBackend(running=2)) as shim:
        channel = EngineChannel(shim.address)
        health = await channel.health(5)
        await channel.close()
    assert health.is_serving
    assert health.status is HealthStatus.SERVING
    assert health.instance == "instance-1"
    assert health.load == EngineLoad(running=2)


async def test_an_engine_that_is_slow_to_say_its_first_word_is_not_taken_for_gone() -> None:
    async with served(ScriptedBackend()) as shim, behind(shim.address, 1.0) as address:
        channel = EngineChannel(address)
        health = await channel.health(10)
        await channel.close()
    assert health.is_serving


@asynccontextmanager
async def behind(address: str, seconds: float) -> AsyncIterator[str]:
    """The same engine, heard of only after a while: as one that gets no processor is."""

    async def hand_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # who has heard enough does not say goodbye
            while data := await source.read(65536):
                target.write(data)
        target.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(asyncio.current_task())
        to, back = await asyncio.open_unix_connection(address.removeprefix("unix:"))
        await asyncio.sleep(seconds)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hand_on(reader, back))
            tasks.create_task(hand_on(to, writer))
        for each in (back, writer):
            with suppress(OSError):
                await each.wait_closed()

    met: list[Any] = []
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        server = await asyncio.start_unix_server(meet, f"{short}/s")
        try:
            yield f"unix:{short}/s"
        finally:
            server.close()
            await asyncio.gather(*met)


async def test_an_engine_that_drains_says_so_and_is_still_well() -> None:
    async with served(ScriptedBackend()) as shim:
        channel = EngineChannel(shim.address)
        assert await channel.drain(5)
        health = await channel.health(5)
        await channel.close()
    assert health.status is HealthStatus.DRAINING
    assert health.is_serving


async def test_facts_are_what_the_backend_says() -> None:
    async with served(ScriptedBackend()) as shim:
        channel = EngineChannel(shim.address)
        facts = await channel.info(5)
        await channel.close()
    assert (facts.engine, facts.version) == ("scripted", "1")
    assert (facts.context, facts.parallel) == (100, 2)
    assert facts.capabilities["chat"].supported


async def test_metrics_join_the_shims_and_the_engines_own() -> None:
    class Measured(ScriptedBackend):
        async def metrics(self) -> EngineMetrics:
            return EngineMetrics(10, 4, b"# prometheus")

    async with served(Measured()) as shim:
        channel = EngineChannel(shim.address)
        metrics = await channel.metrics(5)
        await channel.close()
    assert (metrics.prefix_cache_queries, metrics.prefix_cache_hits) == (10, 4)
    assert metrics.prometheus == b"# prometheus"
    assert metrics.uptime_seconds >= 0


async def test_what_the_engine_cannot_tell_is_unsupported_with_its_reason() -> None:
    async with served(ScriptedBackend()) as shim:
        channel = EngineChannel(shim.address)
        with pytest.raises(XinfError, match="does not tell how full") as refused:
            await channel.kv_cache(5)
        await channel.close()
    assert refused.value.code is ErrorCode.UNSUPPORTED


async def test_observing_ends_when_the_engine_does() -> None:
    async with served(ScriptedBackend(running=1)) as shim:
        channel = EngineChannel(shim.address)
        seen: list[object] = []
        async for observation in channel.observe(60):
            seen.append(observation.what)
            if len(seen) == 2:
                await channel.shutdown(5)
        await channel.close()
    assert seen[:2] == [EngineStatus(HealthStatus.SERVING, ""), EngineLoad(running=1)]


async def test_an_engine_that_is_not_there_failed() -> None:
    channel = EngineChannel("unix:/nowhere/at/all")
    with pytest.raises(XinfError) as refused:
        await channel.health(5)
    await channel.close()
    assert refused.value.code is ErrorCode.ENGINE_FAILED


async def test_an_engine_that_does_not_answer_timed_out() -> None:
    class Silent(ScriptedBackend):
        async def metrics(self) -> EngineMetrics:
            await asyncio.Event().wait()
            return EngineMetrics()

    async with served(Silent()) as shim:
        channel = EngineChannel(shim.address)
        with pytest.raises(XinfError) as refused:
            await channel.metrics(0.05)
        await channel.close()
    assert refused.value.code is ErrorCode.TIMED_OUT


async def test_another_protocol_is_incompatible_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(ScriptedBackend()) as shim:
        channel = EngineChannel(shim.address)
        monkeypatch.setattr(channel_module, "PROTOCOL_VERSION", 2)
        for question in (channel.health, channel.info):
            with pytest.raises(XinfError, match="Restart the model") as refused:
                await question(5)
            assert refused.value.code is ErrorCode.ENGINE_INCOMPATIBLE
        await channel.close()
