"""The simulated engine as a real process: its faults, its loads, and what its cache tells."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.shim import (
    PATIENCE_S,
    EngineKind,
    ShimProcess,
    ask,
    asked,
    channel_to,
    chat_body,
    first_data,
    long_body,
    new_home,
    refusal,
    session_to,
    until,
    until_running,
)
from xinf.engine.observation import BlocksRemoved, BlocksStored, Observation
from xinf.engine.session import Data

ROOT = Path(__file__).parents[4]
SIM = EngineKind("sim", sys.executable, ROOT)

Start = Callable[..., ShimProcess]


@pytest.fixture
def start_sim() -> Iterator[Start]:
    started: list[ShimProcess] = []

    def start(home: Path | None = None, context: int = 2048, **args: Any) -> ShimProcess:
        started.append(ShimProcess(SIM, home or new_home(), context=context, args=args))
        return started[-1]

    yield start
    for shim in started:
        shim.end()


async def test_a_crash_on_order_is_a_death_by_signal(start_sim: Start) -> None:
    shim = start_sim(crash_after_tokens=30, tokens_per_second=200)
    await shim.wait_ready()
    async with session_to(shim) as session:
        async with session.submit(asked(), long_body(), deadline_s=0) as stream:
            await first_data(stream)
            failure = await refusal(session, long_body())
        assert (failure.code, failure.retryable) == ("engine_failed", True)
    assert await shim.wait_exit() == -signal.SIGKILL
    assert not (shim.home / "s.exit").exists()


async def test_a_hang_on_order_is_seen_as_a_stall_and_can_be_stopped(start_sim: Start) -> None:
    shim = start_sim(hang_after_tokens=5)
    await shim.wait_ready()
    async with channel_to(shim) as channel, session_to(shim) as session:
        async with session.submit(asked(), long_body(), deadline_s=0):
            await until_running(channel)
            async with asyncio.timeout(PATIENCE_S):
                while (await channel.health(5)).load.stalled_seconds < 0.1:
                    pass
            assert (await channel.health(5)).load.generated_tokens == 5
        shim.process.send_signal(signal.SIGTERM)
    assert await shim.wait_exit() == 0


async def test_wrong_answers_on_order_are_other_answers(start_sim: Start) -> None:
    right, wrong = start_sim(), start_sim(wrong_after_tokens=1)
    texts: list[str] = []
    for shim in (right, wrong):
        await shim.wait_ready()
        async with session_to(shim) as session:
            texts.append((await ask(session, chat_body())).text)
    assert texts[0] != texts[1]


async def test_failed_loads_on_order_say_so_and_then_a_load_succeeds(start_sim: Start) -> None:
    home = new_home()
    for load in (1, 2):
        failing = start_sim(home, fail_load_times=2)
        assert await failing.wait_exit() == 71
        assert failing.exit_file["code"] == 71
        assert f"load {load}" in failing.exit_file["reason"]
        assert failing.status["phase"] == "failed"
        assert f"load {load}" in failing.status["message"]
    shim = start_sim(home, fail_load_times=2)
    await shim.wait_ready()
    async with session_to(shim) as session:
        assert (await ask(session, chat_body())).text


async def test_a_long_load_is_reported_and_can_be_stopped(start_sim: Start) -> None:
    shim = start_sim(load_seconds=300)
    await until(lambda: shim.status.get("phase") == "loading")
    assert not shim.socket.exists()
    shim.process.send_signal(signal.SIGTERM)
    assert await shim.wait_exit() == 0
    assert shim.exit_file["code"] == 0


async def test_the_memory_that_was_declared_is_reported(start_sim: Start) -> None:
    shim = start_sim(memory_bytes=2 << 30)
    await shim.wait_ready()
    async with channel_to(shim) as channel:
        assert (await channel.health(5)).load.memory_bytes == 2 << 30


async def test_the_context_is_what_the_blocks_can_hold(start_sim: Start) -> None:
    shim = start_sim(kv_blocks=10, block_size=16)
    await shim.wait_ready()
    async with channel_to(shim) as channel, session_to(shim) as session:
        assert (await channel.info(5)).context == 160
        assert (await refusal(session, chat_body("word " * 200))).code == "context_length_exceeded"
        failure = await refusal(session, chat_body("hi", max_tokens=200))
        assert failure.message.startswith("This model's maximum context length is 160 tokens.")
        assert failure.param == "messages"
        full = await ask(session, chat_body("hi", max_tokens=None, ignore_eos=True))
    assert full.usage.prompt_tokens + full.usage.completion_tokens == 160
    assert full.json["choices"][0]["finish_reason"] == "length"


async def test_a_prompt_asked_twice_is_cached_and_says_so(start_sim: Start) -> None:
    shim = start_sim()
    await shim.wait_ready()
    body = chat_body("tell me about it " * 20)
    async with channel_to(shim) as channel, session_to(shim) as session:
        first, again = await ask(session, body), await ask(session, body)
        metrics = await channel.metrics(5)
    assert first.usage.cached_tokens == 0
    assert 0 < again.usage.cached_tokens < again.usage.prompt_tokens
    details = again.json["usage"]["prompt_tokens_details"]
    assert details == {"cached_tokens": again.usage.cached_tokens}
    assert metrics.prefix_cache_hits == again.usage.cached_tokens
    assert again.text == first.text


async def test_a_large_prompt_is_prepared_beside_the_other_streams(start_sim: Start) -> None:
    shim = start_sim(context=32768)
    await shim.wait_ready()
    async with session_to(shim) as session:
        answer = await ask(session, chat_body("word " * 30000))
    assert answer.usage.prompt_tokens > 30000


async def test_an_observer_can_follow_the_cache_from_any_moment_on(start_sim: Start) -> None:
    shim = start_sim(kv_blocks=16, block_size=4)
    await shim.wait_ready()
    async with channel_to(shim) as channel, session_to(shim) as session:
        early, known = channel.observe(60), dict[bytes, tuple[int, ...]]()
        for text in ("one two three", "four five six", "seven eight nine"):
            answer = await ask(session, chat_body(text, max_tokens=4))
            assert answer.text
        late, whole = channel.observe(60), dict[bytes, tuple[int, ...]]()
        await follow(late, whole, until=lambda: bool(whole))
        await follow(early, known, until=lambda: known == whole)
        cache = await channel.kv_cache(5)
        assert cache.blocks_total == 16
        assert len(whole) <= 16


async def follow(
    news: AsyncIterator[Observation],
    known: dict[bytes, tuple[int, ...]],
    until: Callable[[], bool],
) -> None:
    """Keep `known` as the observer's picture of the cache."""
    async with asyncio.timeout(PATIENCE_S):
        async for observation in news:
            for change in observation.what if isinstance(observation.what, tuple) else ():
                match change:
                    case BlocksStored(hashes, _, ids, size):
                        for index, name in enumerate(hashes):
                            known[name] = ids[index * size : (index + 1) * size]
                    case BlocksRemoved(hashes):
                        for name in hashes:
                            del known[name]
                    case _:
                        known.clear()
            if until():
                return


async def test_a_hundred_streams_at_full_speed_are_whole(start_sim: Start) -> None:
    shim = start_sim(parallel=128)
    await shim.wait_ready()

    async def count(index: int) -> int:
        body = long_body(100, f"number {index}", stream_options={"include_usage": True})
        data = bytearray()
        async with session.submit(asked(), body, deadline_s=0) as stream:
            async for event in stream:
                data += event.data if isinstance(event, Data) else b""
        assert data.endswith(b"data: [DONE]\n\n")
        return stream.usage.completion_tokens

    async with session_to(shim) as session:
        counts = await asyncio.gather(*(count(index) for index in range(100)))
    assert set(counts) == {100}
