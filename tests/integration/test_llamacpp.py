"""The real engine behind the real protocol: a shim process with llama.cpp and SmolLM2 in it."""

import asyncio
import json
import os
import re
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.real import RealShim, cache_dir, llamacpp_runtime, llamacpp_shim
from xinf.core.requests import ExecutionContext
from xinf.engine.channel import EngineChannel
from xinf.engine.failure import EngineFailure
from xinf.engine.session import EngineSession, open_session
from xinf.engine.stream import Data, Head
from xinf.runtime.shim_tree import ensure_shim_tree

CHAT = "/v1/chat/completions"
CAPITAL = {
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the capital of France?"},
    ],
    "temperature": 0,
}
# About 1,200 tokens: several seconds of prefill on two cores.
LONG = {"messages": [{"role": "user", "content": "apples and pears " * 400}], "max_tokens": 1}
LONG_TOKENS = 1000


@pytest.fixture(scope="module")
def shim() -> Iterator[RealShim]:
    with llamacpp_shim() as shim:
        shim.wait_ready()
        yield shim


@pytest.fixture
async def channel(shim: RealShim) -> AsyncIterator[EngineChannel]:
    channel = EngineChannel(shim.address)
    yield channel
    await channel.close()


@pytest.fixture
async def session(channel: EngineChannel) -> AsyncIterator[EngineSession]:
    async with open_session(channel, time.time_ns()) as session:
        yield session


async def ask(
    session: EngineSession, body: dict[str, Any] | bytes, endpoint: str = CHAT
) -> tuple[str, bytes]:
    """Content type and bytes of the whole answer."""
    context = ExecutionContext("r", "smol", endpoint, deadline=0)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head, parts = "", list[bytes]()
    async with session.submit(context, data, deadline_s=60) as stream:
        async for event in stream:
            match event:
                case Head(status, content_type):
                    assert status == 200
                    head = content_type
                case Data(part):
                    parts.append(part)
    return head, b"".join(parts)


async def whole(session: EngineSession, **fields: object) -> dict[str, Any]:
    head, data = await ask(session, {**CAPITAL, **fields})
    assert head.startswith("application/json")
    return json.loads(data)


async def chunks(session: EngineSession, **fields: object) -> list[dict[str, Any]]:
    head, data = await ask(session, {**CAPITAL, "stream": True, **fields})
    assert head.startswith("text/event-stream")
    *events, done, rest = data.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def text_of(pieces: list[dict[str, Any]]) -> str:
    return "".join(c["delta"].get("content") or "" for each in pieces for c in each["choices"])


async def test_the_capital_of_france_is_paris(session: EngineSession) -> None:
    answer = await whole(session)
    assert "Paris" in answer["choices"][0]["message"]["content"]
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "smol"
    assert answer["usage"]["prompt_tokens"] == 27


async def test_a_stream_begins_with_the_role_and_ends_with_the_reason(
    session: EngineSession,
) -> None:
    pieces = await chunks(session)
    assert pieces[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert pieces[-1]["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
    assert all(each["model"] == "smol" for each in pieces)
    assert all("usage" not in each and "timings" not in each for each in pieces)


async def test_the_pieces_join_to_the_answer_that_is_not_streamed(session: EngineSession) -> None:
    story = {"messages": [{"role": "user", "content": "Tell me about the sea."}], "max_tokens": 80}
    streamed = text_of(await chunks(session, **story))
    answer = await whole(session, **story)
    assert streamed == answer["choices"][0]["message"]["content"]
    assert len(streamed) > 100


async def test_usage_is_told_when_asked_for_in_a_chunk_without_choices(
    session: EngineSession,
) -> None:
    *pieces, last = await chunks(session, stream_options={"include_usage": True}, max_tokens=3)
    assert all("usage" not in each for each in pieces)
    assert last["choices"] == []
    usage = last["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (
        27,
        3,
        30,
    )


async def test_choices_logprobs_and_structure_work(session: EngineSession) -> None:
    answer = await whole(session, n=2, max_tokens=4, logprobs=True, top_logprobs=2)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert len(answer["choices"][1]["logprobs"]["content"]) == 4
    assert answer["usage"]["completion_tokens"] == 8
    schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 10}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = await whole(session, response_format=wanted, max_tokens=40)
    assert isinstance(json.loads(answer["choices"][0]["message"]["content"]), dict)


async def test_plain_completions_work_too(session: EngineSession) -> None:
    body = {"prompt": "One, two, three,", "max_tokens": 4, "temperature": 0}
    _, data = await ask(session, body, "/v1/completions")
    answer = json.loads(data)
    assert answer["object"] == "text_completion"
    _, data = await ask(session, {**body, "stream": True}, "/v1/completions")
    events = [json.loads(each[6:]) for each in data.decode().split("\n\n") if "{" in each]
    assert all("usage" not in each for each in events)
    joined = "".join(each["choices"][0]["text"] for each in events)
    assert joined == answer["choices"][0]["text"]


@pytest.mark.parametrize(
    ("body", "endpoint", "code", "said"),
    [
        (
            {"messages": [{"role": "user", "content": "a b c " * 3000}]},
            CHAT,
            "context_length_exceeded",
            r"^This model's maximum context length is 2048 tokens\.",
        ),
        (
            {"messages": [{"role": "user", "content": "a b c " * 3000}], "stream": True},
            CHAT,
            "context_length_exceeded",
            r"^This model's maximum context length is 2048 tokens\.",
        ),
        ({"messages": "hi"}, CHAT, "invalid_type", "messages"),
        ({**CAPITAL, "grammar": "root ::= ("}, CHAT, "invalid_request", "grammar"),
        ({**CAPITAL, "mirostat": "x"}, CHAT, "invalid_type", "mirostat"),
        ({**CAPITAL, "tool_choice": "required"}, CHAT, "unsupported", "tools"),
        (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', CHAT, "invalid_json", "."),
        ({"prompt": [1, 99_999_999]}, "/v1/completions", "invalid_request", "invalid tokens"),
        ({"input": "x"}, "/v1/embeddings", "unsupported", "/v1/embeddings"),
    ],
)
async def test_a_request_that_cannot_be_is_refused_and_the_engine_goes_on(
    session: EngineSession, body: dict[str, Any] | bytes, endpoint: str, code: str, said: str
) -> None:
    with pytest.raises(EngineFailure, match=said) as caught:
        await ask(session, body, endpoint)
    assert (caught.value.code, caught.value.retryable) == (code, False)
    assert "Paris" in str(await whole(session))


def prompt_tokens(prometheus: bytes) -> int:
    """Prompt tokens that llama.cpp really computed."""
    found = re.search(rb"^llamacpp:prompt_tokens_total (\d+)", prometheus, re.MULTILINE)
    assert found
    return int(found[1])


async def prefill_begun(channel: EngineChannel) -> None:
    while (await channel.health(5)).load.kv_usage == 0:
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_that_is_cancelled_in_prefill_stops_in_the_engine(
    channel: EngineChannel, session: EngineSession, stream: bool
) -> None:
    before = prompt_tokens((await channel.metrics(10)).prometheus)
    body = {**LONG, "stream": stream, "cache_prompt": False}
    asking = asyncio.create_task(ask(session, body))
    await prefill_begun(channel)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert "Paris" in str(await whole(session))
    computed = prompt_tokens((await channel.metrics(10)).prometheus) - before
    assert computed < LONG_TOKENS
    assert (await channel.health(5)).load.running == 0


async def test_a_cancelled_prefill_stops_also_while_others_generate(
    channel: EngineChannel, session: EngineSession
) -> None:
    before = prompt_tokens((await channel.metrics(10)).prometheus)
    talking = asyncio.create_task(whole(session, max_tokens=150, ignore_eos=True))
    asking = asyncio.create_task(ask(session, {**LONG, "cache_prompt": False}))
    while (await channel.health(5)).load.running < 2:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    asking.cancel()
    answer = await talking
    assert answer["usage"]["completion_tokens"] == 150
    computed = prompt_tokens((await channel.metrics(10)).prometheus) - before
    assert computed < LONG_TOKENS


async def test_more_requests_than_places_wait_their_turn_and_all_are_answered(
    channel: EngineChannel, session: EngineSession
) -> None:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(chunks(session, max_tokens=16)) for _ in range(6)]
        most = 0
        while not all(task.done() for task in asked):
            load = (await channel.health(5)).load
            assert load.running <= 2
            most = max(most, load.waiting)
            await asyncio.sleep(0.01)
    assert most >= 3
    assert all("Paris" in text_of(task.result()) for task in asked)


async def test_it_says_what_it_is_and_what_it_cannot_do(channel: EngineChannel) -> None:
    facts = await channel.info(5)
    assert (facts.engine, facts.context, facts.parallel) == ("llamacpp", 2048, 2)
    assert facts.version == f"xllamacpp {llamacpp_runtime().versions['xllamacpp']}"
    can = {name for name, each in facts.capabilities.items() if each.supported}
    assert can >= {"chat", "completions", "logprobs", "structured_output", "cancel_in_prefill"}
    assert all(each.reason for each in facts.capabilities.values() if not each.supported)
    assert (await channel.health(5)).load.memory_bytes > 100 * 1024**2
    assert (await channel.kv_cache(5)).blocks_total == 2 * 2048


def test_its_server_listens_on_a_private_socket_and_nowhere_else(shim: RealShim) -> None:
    (socket,) = shim.private_dir.iterdir()
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    inodes = {os.readlink(path) for path in Path(f"/proc/{shim.process.pid}/fd").iterdir()}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        rows = Path(f"/proc/{shim.process.pid}/net/{table}").read_text().splitlines()[1:]
        assert not {f"socket:[{row.split()[9]}]" for row in rows} & inodes


def test_asked_to_stop_it_ends_in_order_and_leaves_no_socket() -> None:
    with llamacpp_shim() as shim:
        shim.wait_ready()
        assert shim.stop() == 0
        assert shim.exit_file()["code"] == 0
        assert list(shim.private_dir.iterdir()) == []


def test_a_file_that_is_no_model_is_told_in_its_own_words(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"PK not a model")
    with llamacpp_shim(file) as shim:
        assert shim.process.wait(60) == 71
        assert "does not begin with GGUF" in str(shim.exit_file()["reason"])


def test_what_llama_cpp_says_of_a_damaged_model_is_the_reason(tmp_path: Path) -> None:
    from tests.support.real import smollm2

    file = tmp_path / "m.gguf"
    with smollm2().path.open("rb") as model:
        file.write_bytes(model.read(20_000_000))
    with llamacpp_shim(file) as shim:
        assert shim.process.wait(60) == 71
        assert "model" in str(shim.exit_file()["reason"])
        assert "please check the input params" not in str(shim.exit_file()["reason"])


def test_an_engine_argument_that_nobody_knows_is_a_bad_option() -> None:
    with llamacpp_shim(args={"n_batchs": 5}) as shim:
        assert shim.process.wait(60) == 64
        assert "Did you mean n_batch?" in str(shim.exit_file()["reason"])


def test_every_parameter_that_xinf_knows_by_name_is_one_of_llama_cpps() -> None:
    code = """
import xllamacpp
from xinf.shim.backends.llamacpp.params import CHOICES, TAKEN
known = set(dir(xllamacpp.CommonParams()))
print(sorted((CHOICES.keys() | TAKEN.keys()) - known))
"""
    done = subprocess.run(
        [llamacpp_runtime().python, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ensure_shim_tree(cache_dir()))},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
