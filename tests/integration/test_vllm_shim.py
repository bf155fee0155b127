"""What is vLLM's own behind the shim: one real start, at whose end its EngineCore is killed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.shim import (
    CHAT,
    COMPLETIONS,
    ShimProcess,
    ask,
    channel_to,
    chat_body,
    first_data,
    long_body,
    new_home,
    session_to,
    until,
    until_idle,
    until_running,
)
from tests.support.vllm import KV_BYTES, vllm_kind
from xinf.agent.process import session_members
from xinf.core.memory import Sizing, cache_size
from xinf.core.requests import ExecutionContext, Priority
from xinf.engine.channel import EngineChannel
from xinf.engine.failure import EngineFailure
from xinf.engine.observation import BlocksStored
from xinf.registry.examine import examine
from xinf.registry.footprint import Run, estimate
from xinf.registry.local import describe
from xinf.runtime.shim_tree import ensure_shim_tree

QUEUED_MAX = 8
BLOCK = 128
# Two blocks of tokens and a bit.
PROMPT = "apple river stone window " * 70
SALTED = "cup knife spoon table " * 70
NAMES = ("small", "team/alias")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShimProcess]:
    kind = vllm_kind(ensure_shim_tree(tmp_path_factory.mktemp("tree")))
    args = {**kind.args, "max_num_queued_reqs": QUEUED_MAX, "block_size": BLOCK}
    shim = ShimProcess(kind, new_home(), args=args, served_names=list(NAMES))
    yield shim
    shim.end()


@pytest.fixture
async def shim(started: ShimProcess) -> ShimProcess:
    await started.wait_ready()
    return started


async def gauge(channel: EngineChannel, name: str) -> float:
    """A figure out of vLLM's own metrics."""
    text = (await channel.metrics(5)).prometheus.decode()
    found = re.search(rf"^vllm:{name}{{.*}} (\S+)$", text, re.MULTILINE)
    assert found, f"vLLM has no {name}"
    return float(found[1])


async def test_it_says_what_it_loaded(shim: ShimProcess) -> None:
    async with channel_to(shim) as channel:
        facts = await channel.info(5)
        health = await channel.health(5)
    assert facts.served_names == NAMES
    assert facts.version == "vllm 0.32.0"
    assert 100 * 2**20 < health.load.memory_bytes < 8 * 2**30


async def test_its_processes_share_what_the_shim_has_imported(shim: ShimProcess) -> None:
    """On the CPU they are forked, so that a start imports vLLM once and not three times."""
    members = session_members(shim.process.pid)
    shared = {command(member.pid): shared_anonymous(member.pid) for member in members}
    assert min(shared["VLLM::EngineCor"], shared["VLLM::Worker"]) > 100 * 2**20


def shared_anonymous(pid: int) -> int:
    """Bytes that are no file's and that others have as well."""
    rows = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    sizes = {row[0]: int(row[1]) * 1024 for row in rows}
    return sizes["Anonymous:"] - sizes["Pss_Anon:"]


async def test_its_cache_is_as_large_as_the_estimate_says(shim: ShimProcess) -> None:
    facts = examine(describe(Path(shim.kind.source), "path:small"), "path:small")
    shape = estimate(facts, Run("vllm", "cpu", dtype="float32"))
    async with channel_to(shim) as channel:
        status = await channel.kv_cache(5)
    block = cache_size(shape, Sizing(context=status.block_size))
    assert status.block_size == BLOCK
    assert status.blocks_total == KV_BYTES // block
    assert status.bytes == KV_BYTES


@pytest.mark.parametrize("stream", [False, True])
async def test_the_answer_carries_the_name_that_was_asked_for(
    shim: ShimProcess, stream: bool
) -> None:
    async with session_to(shim) as session:
        for name in NAMES:
            answer = await ask(session, chat_body(model=name, stream=stream))
            parts = answer.events if stream else [answer.json]
            assert {part["model"] for part in parts} == {name}


async def test_a_stream_is_counted_although_its_client_did_not_ask_for_usage(
    shim: ShimProcess,
) -> None:
    async with session_to(shim) as session:
        silent = await ask(session, chat_body(stream=True))
        asked = await ask(session, chat_body(stream=True, stream_options={"include_usage": True}))
    assert silent.usage.prompt_tokens == asked.usage.prompt_tokens > 0
    assert silent.usage.completion_tokens == asked.usage.completion_tokens > 0
    assert [without_id(each) for each in silent.events] == [
        without_id(each) for each in asked.events[:-1]
    ]


def without_id(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in ("id", "created")}


async def test_log_probabilities_and_several_choices_pass(shim: ShimProcess) -> None:
    body = chat_body(logprobs=True, top_logprobs=2, max_tokens=2, n=2, temperature=0.5)
    async with session_to(shim) as session:
        choices = (await ask(session, body)).json["choices"]
    assert len(choices) == 2
    assert len(choices[0]["logprobs"]["content"][0]["top_logprobs"]) == 2


async def test_tools_without_a_parser_are_refused_in_words_of_xinf(shim: ShimProcess) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    async with session_to(shim) as session:
        with pytest.raises(EngineFailure) as refused:
            await ask(session, chat_body(tools=[tool]))
    assert (refused.value.code, refused.value.param) == ("unsupported", "tools")
    assert "tool_call_parser" in refused.value.message


async def test_a_cancelled_request_stops_inside_vllm(shim: ShimProcess) -> None:
    async with channel_to(shim) as channel, session_to(shim) as session:
        async with session.submit(asked(CHAT), long_body(), deadline_s=0) as stream:
            await first_data(stream)
        await until_idle(channel)
        before = await gauge(channel, "generation_tokens_total")
        await ask(session, long_body(tokens=40))
        # Had it gone on, it would have made as many beside these. A step or two were under way.
        assert await gauge(channel, "generation_tokens_total") - before <= 40 + 3
        assert await gauge(channel, "num_requests_running") == 0


async def test_a_more_urgent_request_overtakes_those_that_wait(shim: ShimProcess) -> None:
    ended: list[str] = []

    async def run(name: str, priority: Priority, tokens: int) -> None:
        body = long_body(tokens=tokens)
        async with session.submit(asked(CHAT, priority), body, deadline_s=0) as stream:
            async for _ in stream:
                pass
        ended.append(name)

    async with (
        channel_to(shim) as channel,
        session_to(shim) as session,
        asyncio.TaskGroup() as tasks,
    ):
        for number in range(4):
            tasks.create_task(run(f"running {number}", Priority.DEFAULT, 60))
        await until_running(channel, 4)
        for number in range(3):
            tasks.create_task(run(f"bulk {number}", Priority.BULK, 20))
        await until_waiting(channel, 3)
        tasks.create_task(run("urgent", Priority.INTERACTIVE, 1))
    assert ended.index("urgent") < min(ended.index(f"bulk {number}") for number in range(3))


async def until_waiting(channel: EngineChannel, requests: int) -> None:
    while (await channel.health(5)).load.waiting < requests:
        await asyncio.sleep(0.01)


async def test_more_than_its_queue_holds_is_refused_for_now(shim: ShimProcess) -> None:
    async with session_to(shim) as session:
        asking = [ask(session, long_body(tokens=30)) for _ in range(QUEUED_MAX + 4)]
        answers = await asyncio.gather(*asking, return_exceptions=True)
    refused = [each for each in answers if isinstance(each, EngineFailure)]
    assert {(each.code, each.retryable) for each in refused} == {("rate_limit_exceeded", True)}
    assert 0 < len(refused) <= 4


async def test_observers_learn_by_tokens_what_the_cache_holds(shim: ShimProcess) -> None:
    stored: list[BlocksStored] = []

    async def observe(channel: EngineChannel) -> None:
        async for each in channel.observe(0.5):
            if isinstance(each.what, tuple):
                stored.extend(one for one in each.what if isinstance(one, BlocksStored))

    def tokens() -> int:
        return sum(len(each.token_ids) for each in stored)

    async with channel_to(shim) as channel, session_to(shim) as session:
        first = await ask(session, completion(PROMPT), COMPLETIONS)
        again = await ask(session, completion(PROMPT), COMPLETIONS)
        await ask(session, completion(SALTED, cache_salt="pepper"), COMPLETIONS)
        watching = asyncio.create_task(observe(channel))
        await until(lambda: tokens() >= again.usage.cached_tokens > 0)
        metrics = await channel.metrics(5)
        watching.cancel()
    assert first.usage.cached_tokens == 0
    assert again.usage.cached_tokens == 2 * BLOCK
    assert metrics.prefix_cache_hits >= 2 * BLOCK
    assert {each.block_size for each in stored} == {BLOCK}
    # What was salted is nobody else's, so that it is not told.
    salted = await tokens_of(shim, SALTED)
    assert all(each.token_ids[:BLOCK] != salted[:BLOCK] for each in stored)


def completion(prompt: str, **more: Any) -> bytes:
    return json.dumps({"prompt": prompt, "max_tokens": 1, "temperature": 0, **more}).encode()


async def tokens_of(shim: ShimProcess, prompt: str) -> tuple[int, ...]:
    body = completion(prompt, return_token_ids=True, cache_salt="other")
    async with session_to(shim) as session:
        answer = await ask(session, body, COMPLETIONS)
    return tuple(answer.json["choices"][0]["prompt_token_ids"])


async def test_when_enginecore_is_killed_the_shim_says_so_and_nothing_is_left(
    shim: ShimProcess,
) -> None:
    leader = shim.process.pid
    core = next(each for each in session_members(leader) if command(each.pid) == "VLLM::EngineCor")

    async def be_cut_off() -> None:
        async with (
            session_to(shim) as session,
            session.submit(asked(CHAT), long_body(), deadline_s=0) as stream,
        ):
            await first_data(stream)
            os.kill(core.pid, signal.SIGKILL)
            async for _ in stream:
                pass

    with pytest.raises(EngineFailure) as failed:
        await be_cut_off()
    assert (failed.value.code, failed.value.retryable) == ("engine_failed", True)
    assert await shim.wait_exit() == 70
    assert shim.exit_file["code"] == 70
    assert "EngineCore" in shim.exit_file["reason"]
    await until(lambda: not [each for each in session_members(leader) if each.is_alive])


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


_IDS = iter(range(1, 10**6))


def asked(endpoint: str, priority: Priority = Priority.DEFAULT) -> ExecutionContext:
    return ExecutionContext(f"vllm-{next(_IDS)}", "small", endpoint, 0.0, priority)
