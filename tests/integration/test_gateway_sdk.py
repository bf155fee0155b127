"""The official SDK against a real engine process, through gateway, router and session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import openai
import pytest

from tests.support.fleet import Fleet, fleet
from tests.support.routing import declared
from xinf.core.models import terminate

HI = [{"role": "user", "content": "Tell me something long about engines, please."}]


@pytest.fixture
async def f() -> AsyncIterator[Fleet]:
    async with fleet(declared("a", aliases=("org/a:x",)), terminate(declared("off"))) as made:
        await made.start("a/0")
        yield made


async def test_an_answer_whole_and_in_pieces_is_the_same_text(f: Fleet) -> None:
    async with f.client() as client:
        whole = await client.chat.completions.create(model="a", messages=HI, max_tokens=50)
        stream = await client.chat.completions.create(
            model="a",
            messages=HI,
            max_tokens=50,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert whole.choices[0].message.content == text != ""
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert whole._request_id is not None


async def test_a_completion_by_alias(f: Fleet) -> None:
    async with f.client() as client:
        one = await client.completions.create(model="org/a:x", prompt="Once", max_tokens=5)
        two = await client.completions.create(model="a", prompt="Once", max_tokens=5)
    assert one.choices[0].text == two.choices[0].text != ""


async def test_a_model_that_makes_no_embeddings_says_so(f: Fleet) -> None:
    async with f.client() as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.embeddings.create(model="a", input="hi")
        with pytest.raises(openai.BadRequestError) as empty:
            await client.embeddings.create(model="a", input=[])
    assert (refused.value.code, refused.value.type) == ("unsupported", "invalid_request_error")
    assert "/v1/embeddings" in refused.value.message
    assert (empty.value.code, empty.value.param) == ("invalid_value", "input")


async def test_the_list_of_models(f: Fleet) -> None:
    async with f.client() as client:
        listed = [model.id async for model in client.models.list()]
        one = await client.models.retrieve("org/a:x")
    assert listed == ["a", "org/a:x", "off"]
    assert one.owned_by == "xinf"


async def test_errors_are_the_sdks_own_classes(f: Fleet) -> None:
    async with f.client() as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.chat.completions.create(model="gpt-9", messages=HI)
        with pytest.raises(openai.BadRequestError) as empty:
            await client.chat.completions.create(model="a", messages=[])
        with pytest.raises(openai.InternalServerError) as off:
            await client.chat.completions.create(model="off", messages=HI)
    assert unknown.value.code == "model_not_found"
    assert empty.value.param == "messages"
    assert off.value.code == "model_off"
    assert off.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_that_is_too_long_says_so_in_words_that_agents_know(
    f: Fleet, stream: bool
) -> None:
    message = {"role": "user", "content": "word " * 50_000}
    async with f.client() as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(model="a", messages=[message], stream=stream)
    assert refused.value.code == "context_length_exceeded"
    assert refused.value.type == "invalid_request_error"
    assert refused.value.param == "messages"
    assert "This model's maximum context length is " in refused.value.message


async def test_unknown_fields_are_ignored(f: Fleet) -> None:
    async with f.client() as client:
        answer = await client.chat.completions.create(
            model="a",
            messages=HI,
            max_tokens=3,
            store=True,
            metadata={"k": "v"},
            extra_body={"zz": 1},
        )
    assert answer.choices[0].finish_reason == "length"


async def test_a_client_that_stops_reading_its_stream_frees_the_engine(f: Fleet) -> None:
    await f.start("a/1", tokens_per_second=20)
    await f.kill("a/0")
    async with f.client() as client:
        stream = await client.chat.completions.create(
            model="a", messages=HI, max_tokens=5000, stream=True, extra_body={"ignore_eos": True}
        )
        await anext(aiter(stream))
        await f.becomes_busy("a/1", 1)
        await stream.close()
    await f.becomes_busy("a/1", 0)


async def test_a_client_that_gives_up_waiting_for_a_whole_answer_frees_the_engine(f: Fleet) -> None:
    await f.start("a/1", tokens_per_second=20)
    await f.kill("a/0")
    async with f.client() as client:
        asking = asyncio.ensure_future(
            client.chat.completions.create(
                model="a", messages=HI, max_tokens=5000, extra_body={"ignore_eos": True}
            )
        )
        await f.becomes_busy("a/1", 1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await f.becomes_busy("a/1", 0)
    assert f.door.site.inflight == 0


async def test_sixty_four_streams_over_two_replicas_are_all_whole(f: Fleet) -> None:
    await f.start("a/1")
    used: set[str] = set()

    async def one(client: openai.AsyncOpenAI, number: int) -> tuple[str, str]:
        messages = [{"role": "user", "content": f"Tale number {number}"}]
        raw = await client.chat.completions.with_raw_response.create(
            model="a", messages=messages, max_tokens=200, stream=True
        )
        used.add(raw.headers["x-xinf-replica"])
        stream = raw.parse()
        streamed = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
        whole = await client.chat.completions.create(model="a", messages=messages, max_tokens=200)
        return streamed, whole.choices[0].message.content or ""

    async with f.client() as client:
        pairs = await asyncio.gather(*(one(client, number) for number in range(64)))
    assert all(streamed == whole != "" for streamed, whole in pairs)
    assert len({streamed for streamed, _ in pairs}) == 64
    assert used == {"a/0", "a/1"}
