"""What every engine behind the protocol must say and answer, asked of real shim processes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from grpc import StatusCode, aio

from tests.support.shim import (
    COMPLETIONS,
    ShimProcess,
    ask,
    channel_to,
    chat_body,
    refusal,
    session_to,
    stub_to,
)
from xinf.engine.facts import HealthStatus
from xinf.protocol.messages import pb

# All of a prompt, and too long for a context of 2048 tokens.
TOO_LONG = "word " * 4000


# What an engine says of itself


async def test_a_ready_engine_is_serving_and_idle(shim: ShimProcess) -> None:
    async with channel_to(shim) as channel:
        health = await channel.health(5)
        assert health.status is HealthStatus.SERVING
        assert health.instance == f"{shim.kind.name}-1"
        assert (health.load.running, health.load.waiting) == (0, 0)


async def test_an_engine_knows_its_facts(shim: ShimProcess) -> None:
    async with channel_to(shim) as channel:
        facts = await channel.info(5)
    assert facts.engine == shim.kind.name
    assert facts.version
    assert facts.served_names == ("small",)
    assert facts.context == 2048
    assert facts.parallel == 4
    assert facts.capabilities["chat"].supported


async def test_what_an_engine_cannot_do_has_a_reason(shim: ShimProcess) -> None:
    async with channel_to(shim) as channel:
        facts = await channel.info(5)
    missing = [each for each in facts.capabilities.values() if not each.supported]
    assert missing
    assert all(each.reason for each in missing)


async def test_metrics_count_tokens_and_requests(shim: ShimProcess) -> None:
    async with channel_to(shim) as channel, session_to(shim) as session:
        before = await channel.metrics(5)
        answer = await ask(session, chat_body())
        after = await channel.metrics(5)
    assert after.requests_finished == before.requests_finished + 1
    made = after.generated_tokens - before.generated_tokens
    assert made >= answer.usage.completion_tokens > 0
    assert after.uptime_seconds > before.uptime_seconds


async def test_the_kv_cache_is_told_or_refused_with_a_reason(shim: ShimProcess) -> None:
    async with stub_to(shim) as stub:
        call = stub.get_kv_cache_status(pb.GetKVCacheStatusRequest())
        if await call.code() is StatusCode.OK:
            cache = await call
            assert 0 <= cache.blocks_used <= cache.blocks_total
        else:
            assert await call.code() is StatusCode.UNIMPLEMENTED
            assert await call.details()


async def test_sleep_is_refused_with_the_reason_of_its_capability(shim: ShimProcess) -> None:
    async with stub_to(shim) as stub, channel_to(shim) as channel:
        capability = (await channel.info(5)).capabilities["sleep"]
        with pytest.raises(aio.AioRpcError) as refused:
            await stub.sleep(pb.SleepRequest(level=1))
    assert not capability.supported
    assert refused.value.code() is StatusCode.UNIMPLEMENTED
    assert refused.value.details() == capability.reason


async def test_embeddings_are_made_or_refused_with_a_reason(shim: ShimProcess) -> None:
    async with stub_to(shim) as stub, channel_to(shim) as channel:
        capability = (await channel.info(5)).capabilities["embeddings"]
        assert not capability.supported
        with pytest.raises(aio.AioRpcError) as refused:
            await stub.create_embedding(pb.EmbeddingRequest(body=b'{"input": "x"}'))
    assert refused.value.code() is StatusCode.UNIMPLEMENTED
    assert refused.value.details() == capability.reason


# Answers


async def test_streamed_pieces_join_to_the_whole_answer(shim: ShimProcess) -> None:
    async with session_to(shim) as session:
        whole = await ask(session, chat_body())
        streamed = await ask(session, chat_body(stream=True))
    assert whole.head.status == streamed.head.status == 200
    assert whole.head.content_type.startswith("application/json")
    assert streamed.head.content_type.startswith("text/event-stream")
    assert whole.text
    assert streamed.text == whole.text
    assert streamed.events[0]["choices"][0]["delta"]["role"] == "assistant"
    reasons = [each["choices"][0]["finish_reason"] for each in streamed.events if each["choices"]]
    assert reasons[-1] == whole.json["choices"][0]["finish_reason"]
    assert set(reasons[:-1]) == {None}


async def test_plain_completions_stream_as_they_are(shim: ShimProcess) -> None:
    body: dict[str, Any] = {"prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}
    async with session_to(shim) as session:
        whole = await ask(session, json.dumps(body).encode(), COMPLETIONS)
        streamed = await ask(session, json.dumps(body | {"stream": True}).encode(), COMPLETIONS)
    assert whole.text
    assert streamed.text == whole.text


async def test_usage_is_streamed_when_it_is_asked_for(shim: ShimProcess) -> None:
    body = chat_body(stream=True, stream_options={"include_usage": True})
    async with session_to(shim) as session:
        streamed = await ask(session, body)
        whole = await ask(session, chat_body())
    last = streamed.events[-1]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == streamed.usage.completion_tokens > 0
    assert last["usage"]["prompt_tokens"] == streamed.usage.prompt_tokens > 0
    assert whole.json["usage"]["prompt_tokens"] == last["usage"]["prompt_tokens"]


async def test_usage_is_not_streamed_when_nobody_asks(shim: ShimProcess) -> None:
    async with session_to(shim) as session:
        streamed = await ask(session, chat_body(stream=True))
    assert all(event["choices"] for event in streamed.events)


async def test_an_answer_that_is_cut_says_length(shim: ShimProcess) -> None:
    async with session_to(shim) as session:
        answer = await ask(session, chat_body("Count to one hundred.", max_tokens=3))
    assert answer.json["choices"][0]["finish_reason"] == "length"
    assert answer.usage.completion_tokens == 3


async def test_a_stop_string_ends_the_answer_before_it(shim: ShimProcess) -> None:
    async with session_to(shim) as session:
        whole = (await ask(session, chat_body())).text
        stop = whole[4:7]
        stopped = await ask(session, chat_body(stop=stop))
    assert stopped.text == whole[: whole.index(stop)]
    assert stopped.json["choices"][0]["finish_reason"] == "stop"


async def test_unknown_fields_are_ignored(shim: ShimProcess) -> None:
    async with session_to(shim) as session:
        plain = await ask(session, chat_body())
        odd = await ask(session, chat_body(x_client_field={"a": [1]}, metadata={"k": "v"}))
    assert odd.text == plain.text


async def test_the_unary_calls_give_the_same_answers(shim: ShimProcess) -> None:
    body = chat_body()
    prompt = json.dumps({"prompt": "Once", "max_tokens": 8, "temperature": 0}).encode()
    async with session_to(shim) as session:
        chat = await ask(session, body)
        completion = await ask(session, prompt, COMPLETIONS)
    async with stub_to(shim) as stub:
        whole = json.loads((await stub.chat(pb.ChatRequest(id="u", body=body))).body)
        chunks = [each.data async for each in stub.chat_stream(pb.ChatRequest(body=body))]
        text = json.loads((await stub.generate(pb.GenerateRequest(body=prompt))).body)
        pieces = [each.data async for each in stub.generate_stream(pb.GenerateRequest(body=prompt))]
    assert whole["choices"][0]["message"]["content"] == chat.text
    assert b"".join(chunks).endswith(b"data: [DONE]\n\n")
    assert text["choices"][0]["text"] == completion.text
    assert b"".join(pieces).endswith(b"data: [DONE]\n\n")


# Refusals


async def test_a_prompt_beyond_the_context_is_refused(shim: ShimProcess) -> None:
    async with session_to(shim) as session:
        failure = await refusal(session, chat_body(TOO_LONG))
    assert failure.code == "context_length_exceeded"
    assert failure.message.startswith("This model's maximum context length is 2048 tokens")
    assert not failure.retryable


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"{", "invalid_json", ""),
        (b"[]", "invalid_type", ""),
        (b"{}", "missing_required_parameter", "messages"),
        (b'{"messages": "hello"}', "invalid_type", "messages"),
        (b'{"messages": []}', "invalid_value", "messages"),
        (b'{"messages": ["hello"]}', "invalid_type", "messages[0]"),
        (b'{"messages": [{"content": "x"}]}', "missing_required_parameter", "messages[0].role"),
        (b'{"messages": [{"role": 7, "content": "x"}]}', "invalid_type", "messages[0].role"),
        (
            b'{"messages": [{"role": "wizard", "content": "x"}]}',
            "invalid_value",
            "messages[0].role",
        ),
        (b'{"messages": [{"role": "user", "content": 7}]}', "invalid_type", "messages[0].content"),
        (chat_body(max_tokens="many"), "invalid_type", "max_tokens"),
        (chat_body(temperature="hot"), "invalid_type", "temperature"),
        (chat_body(stream="yes"), "invalid_type", "stream"),
        (chat_body(stop=7), "invalid_type", "stop"),
    ],
)
async def test_a_wrong_body_is_refused_by_name_and_harms_nothing(
    shim: ShimProcess, body: bytes, code: str, param: str
) -> None:
    async with session_to(shim) as session:
        failure = await refusal(session, body)
        assert (failure.code, failure.param) == (code, param)
        assert failure.message
        assert not failure.retryable
        assert (await ask(session, chat_body(max_tokens=2))).text


async def test_an_endpoint_that_the_engine_lacks_is_refused(shim: ShimProcess) -> None:
    async with session_to(shim) as session:
        failure = await refusal(session, b"{}", "/v1/nothing")
    assert failure.code == "unsupported"
    assert not failure.retryable
