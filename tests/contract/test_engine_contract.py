"""What every engine behind the protocol must do, asked of real shim processes."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from grpc import StatusCode, aio

from tests.support.shim import (
    CHAT,
    COMPLETIONS,
    PATIENCE_S,
    ShimProcess,
    ask,
    asked,
    channel_to,
    chat_body,
    credit,
    first_data,
    long_body,
    next_epoch,
    read_until_end,
    refusal,
    session_to,
    stub_to,
    until,
    until_idle,
    until_running,
    whole_request,
)
from xinf.core.errors import ErrorCode, XinfError
from xinf.engine.facts import HealthStatus
from xinf.engine.failure import EngineFailure
from xinf.engine.load import EngineLoad
from xinf.engine.observation import EngineStatus
from xinf.protocol.messages import pb

# All of a prompt, and too long for a context of 2048 tokens.
TOO_LONG = "word " * 4000
# Some 1,500 tokens: seconds of prefill for an engine that is slow at it.
LONG_PROMPT = "apple river stone window " * 330

Start = Callable[..., ShimProcess]


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


# Cancelling and deadlines


async def test_leaving_a_stream_early_frees_the_engine(shim: ShimProcess) -> None:
    async with channel_to(shim) as channel, session_to(shim) as session:
        async with session.submit(asked(), long_body(), deadline_s=0) as stream:
            await first_data(stream)
            await until_running(channel)
        await until_idle(channel)
        assert session.open_streams == 0
        assert (await ask(session, chat_body())).text


async def test_a_cancel_in_the_middle_of_prefill_frees_the_engine(
    start_shim: Start, kind: Any
) -> None:
    shim = start_shim(args=dict(kind.slow_prefill))
    await shim.wait_ready()
    async with channel_to(shim) as channel, session_to(shim) as session:
        async with session.submit(asked(), long_body(text=LONG_PROMPT, tokens=400), deadline_s=0):
            await until_running(channel)
            made = (await channel.metrics(5)).generated_tokens
        await until_idle(channel)
        assert (await channel.metrics(5)).generated_tokens == made
        assert (await ask(session, chat_body())).text


async def test_requests_that_wait_inside_can_be_cancelled(shim: ShimProcess) -> None:
    async with channel_to(shim) as channel, session_to(shim) as session:
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(ask(session, long_body())) for _ in range(7)]
            await until_running(channel, 4)
            for each in asking:
                each.cancel()
        await until_idle(channel)
        assert all(each.cancelled() for each in asking)


async def test_a_request_can_be_cancelled_by_its_id(shim: ShimProcess) -> None:
    async with stub_to(shim) as stub, session_to(shim) as session:
        context = asked()
        async with session.submit(context, long_body(), deadline_s=0) as stream:
            await first_data(stream)
            answer = await stub.cancel_request(pb.CancelRequestRequest(id=context.request_id))
            assert answer.cancelled
            with pytest.raises(EngineFailure) as failed:
                async for _ in stream:
                    pass
        assert failed.value.code == "cancelled"
        again = await stub.cancel_request(pb.CancelRequestRequest(id=context.request_id))
        assert not again.cancelled


async def test_leaving_a_unary_stream_early_frees_the_engine(shim: ShimProcess) -> None:
    async with stub_to(shim) as stub, channel_to(shim) as channel:
        call = stub.chat_stream(pb.ChatRequest(id="left", body=long_body()))
        await call.read()
        await until_running(channel)
        call.cancel()
        await until_idle(channel)


async def test_the_deadline_of_a_request_is_kept(shim: ShimProcess) -> None:
    async with channel_to(shim) as channel, session_to(shim) as session:
        with pytest.raises(EngineFailure) as failed:
            await ask(session, long_body(), deadline_s=0.3)
        assert failed.value.code == "timed_out"
        await until_idle(channel)


async def test_a_gateway_that_goes_takes_its_requests_with_it(shim: ShimProcess) -> None:
    async with channel_to(shim) as channel:
        async with session_to(shim) as session:
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(refusal(session, long_body()))
                await until_running(channel)
                session.end("the test closed it")
            assert asking.result().retryable
        await until_idle(channel)


# Many at once


async def test_thirty_two_streams_at_once_are_whole(shim: ShimProcess) -> None:
    def body(index: int) -> bytes:
        return chat_body(f"Tell me about the number {index}.", stream=True, max_tokens=4)

    async with session_to(shim) as session:
        answers = await asyncio.gather(*(ask(session, body(index)) for index in range(32)))
    for answer in answers:
        reasons = [each["choices"][0]["finish_reason"] for each in answer.events]
        assert reasons[-1] in ("stop", "length")
        assert answer.text
        assert 0 < answer.usage.completion_tokens <= 4


async def test_a_reader_without_credit_stalls_nobody_else(shim: ShimProcess) -> None:
    slow = pb.Open(endpoint=CHAT, id="slow", credit=1)
    hello = pb.ClientFrame(hello=pb.Hello(protocol=1, epoch=next_epoch()))
    async with stub_to(shim) as stub, channel_to(shim) as channel:
        call = stub.session()
        await call.write(pb.SessionRequest(frames=[hello, *whole_request(1, slow, long_body(40))]))
        await until_running(channel)
        quick = pb.Open(endpoint=CHAT, id="quick", credit=1 << 20)
        await call.write(pb.SessionRequest(frames=whole_request(2, quick, chat_body(stream=True))))
        data: dict[int, bytes] = defaultdict(bytes)
        assert await read_until_end(call, data) == 2
        assert len(data[1]) <= 1
        assert data[2].endswith(b"data: [DONE]\n\n")

        await call.write(pb.SessionRequest(frames=[credit(1, 1 << 20)]))
        assert await read_until_end(call, data) == 1
        assert data[1].endswith(b"data: [DONE]\n\n")
        call.cancel()


# Who may come in


async def test_a_higher_epoch_takes_over_and_a_late_one_is_refused(shim: ShimProcess) -> None:
    older, newer = next_epoch(), next_epoch()
    async with channel_to(shim) as channel, session_to(shim, older) as old:
        async with asyncio.TaskGroup() as tasks:
            cut = tasks.create_task(refusal(old, long_body()))
            await until_running(channel)
            async with session_to(shim, newer) as new:
                await old.wait_closed()
                await until_idle(channel)
                assert (await ask(new, chat_body())).text
                for epoch in (older, newer):
                    with pytest.raises(XinfError, match="is not higher than") as refused:
                        async with session_to(shim, epoch):
                            pass
                    assert refused.value.code is ErrorCode.ENGINE_FAILED
                assert (await ask(new, chat_body())).text
        assert cut.result().code == "engine_failed"
        assert cut.result().retryable
        with pytest.raises(EngineFailure, match="took this engine over"):
            await ask(old, chat_body())


async def test_another_protocol_version_is_refused(shim: ShimProcess) -> None:
    async with stub_to(shim) as stub:
        with pytest.raises(aio.AioRpcError, match="speaks protocol") as health:
            await stub.health_check(pb.HealthCheckRequest(protocol=99))
        assert health.value.code() is StatusCode.FAILED_PRECONDITION
        call = stub.session()
        hello = pb.Hello(protocol=99, epoch=next_epoch())
        await call.write(pb.SessionRequest(frames=[pb.ClientFrame(hello=hello)]))
        assert await call.code() is StatusCode.FAILED_PRECONDITION
        assert "speaks protocol" in await call.details()


async def test_a_session_that_does_not_say_hello_is_ended(shim: ShimProcess) -> None:
    async with stub_to(shim) as stub:
        call = stub.session()
        opening = pb.Open(endpoint=CHAT, id="rude", credit=1)
        await call.write(pb.SessionRequest(frames=whole_request(1, opening, chat_body())))
        assert await call.code() is StatusCode.INVALID_ARGUMENT


async def test_only_the_owner_can_reach_the_socket(shim: ShimProcess) -> None:
    assert stat.S_IMODE(shim.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE((shim.home / "s.status").stat().st_mode) == 0o600


async def test_the_log_holds_no_words_of_any_request(shim: ShimProcess) -> None:
    async with session_to(shim) as session:
        answer = await ask(session, chat_body("The password is xyzzy-plugh."))
        await refusal(session, b'{"messages": "xyzzy-plugh"}')
    assert "xyzzy-plugh" not in shim.log
    assert answer.text not in shim.log


# Observing


async def test_observers_see_the_state_then_load_as_it_changes(shim: ShimProcess) -> None:
    seen: list[Any] = []
    async with channel_to(shim) as channel, session_to(shim) as session:
        async with asyncio.timeout(PATIENCE_S):
            async with session.submit(asked(), long_body(), deadline_s=0) as stream:
                await first_data(stream)
                async for observation in channel.observe(0.05):
                    assert observation.sequence == len(seen) + 1
                    assert observation.instance == f"{shim.kind.name}-1"
                    seen.append(observation.what)
                    if isinstance(observation.what, EngineLoad) and observation.what.running:
                        break
    assert seen[0] == EngineStatus(HealthStatus.SERVING, "")


# The ways to end


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
