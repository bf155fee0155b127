"""What every engine must keep when many ask at once, leave early, or come uninvited."""

from __future__ import annotations

import asyncio
import stat
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from grpc import StatusCode, aio

from tests.support.shim import (
    CHAT,
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

# Some 1,500 tokens: seconds of prefill for an engine that is slow at it.
LONG_PROMPT = "apple river stone window " * 330

Start = Callable[..., ShimProcess]


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
