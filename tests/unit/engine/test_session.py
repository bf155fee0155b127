"""Sessions against a real shim server whose engine does what the test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from tests.support.backends import Handle, ScriptedBackend, Served, forever, served
from tests.support.shim import PATIENCE_S, ask, asked, next_epoch, refusal, until
from xinf.core.errors import ErrorCode, XinfError
from xinf.engine import session as session_module
from xinf.engine.channel import EngineChannel
from xinf.engine.failure import EngineFailure
from xinf.engine.session import EngineSession, open_session
from xinf.protocol.frames import CREDIT_BYTES
from xinf.shim.backends.base import Answer, Call, RequestFailed, Usage


class Pair:
    """A shim and a session on it."""

    def __init__(self, shim: Served, channel: EngineChannel, session: EngineSession) -> None:
        self.shim = shim
        self.backend = shim.backend
        self.channel = channel
        self.session = session


@asynccontextmanager
async def paired(reply: Handle | None = None) -> AsyncIterator[Pair]:
    backend = ScriptedBackend(reply=reply) if reply else ScriptedBackend()
    async with served(backend) as shim:
        channel = EngineChannel(shim.address)
        try:
            async with open_session(channel, next_epoch()) as session:
                yield Pair(shim, channel, session)
        finally:
            await channel.close()


async def test_a_body_larger_than_a_message_arrives_and_comes_back_whole() -> None:
    body = Random(1).randbytes(3 * 1024 * 1024)
    async with paired() as pair:
        answer = await ask(pair.session, body)
    assert answer.body == body
    assert answer.usage.prompt_tokens == len(body)


async def test_what_the_engine_is_told_of_a_request() -> None:
    async with paired() as pair:
        context = asked("/v1/completions")
        async with pair.session.submit(context, b"{}", deadline_s=30) as stream:
            async for _ in stream:
                pass
    (call,) = pair.backend.calls
    assert call.id == context.request_id
    assert call.endpoint == "/v1/completions"
    assert call.priority == context.priority
    assert call.deadline_seconds == 30


@pytest.mark.parametrize("seed", range(5))
async def test_any_mixture_of_requests_and_cancels_keeps_every_answer_apart(seed: int) -> None:
    random = Random(seed)

    async def dribble(call: Call, answer: Answer) -> Usage:
        answer.head("text/plain")
        at = 0
        while at < len(call.body):
            size = random.choice((1, 50, 5_000, 100_000))
            await answer.write(call.body[at : at + size])
            at += size
            if random.random() < 0.5:
                await asyncio.sleep(0)
        return Usage(prompt_tokens=len(call.body))

    async with paired(dribble) as pair:

        async def whole(body: bytes) -> None:
            assert (await ask(pair.session, body)).body == body

        async def broken_off(body: bytes) -> None:
            async with pair.session.submit(asked(), body, deadline_s=0) as stream:
                async for _ in stream:
                    if random.random() < 0.5:
                        return

        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            for _ in range(40):
                body = random.randbytes(random.choice((0, 10, 3_000, 400_000)))
                tasks.create_task(random.choice((whole, whole, broken_off))(body))
        await until(lambda: pair.backend.running == 0)
        assert pair.session.open_streams == 0


async def test_leaving_a_stream_early_cancels_in_the_engine() -> None:
    async with paired(forever) as pair:
        async with pair.session.submit(asked(), b"", deadline_s=0) as stream:
            await anext(stream)
            assert pair.backend.running == 1
        await until(lambda: pair.backend.running == 0)


async def test_a_cancelled_consumer_cancels_in_the_engine() -> None:
    async with paired(forever) as pair:
        consumer = asyncio.create_task(ask(pair.session, b""))
        await until(lambda: pair.backend.running == 1)
        consumer.cancel()
        await asyncio.wait({consumer})
        assert consumer.cancelled()
        await until(lambda: pair.backend.running == 0)


async def test_an_error_of_the_consumer_comes_out_as_it_is() -> None:
    async with paired(forever) as pair:
        with pytest.raises(KeyError):
            async with pair.session.submit(asked(), b"", deadline_s=0):
                raise KeyError
        await until(lambda: pair.backend.running == 0)


async def test_closing_a_session_ends_what_it_owned() -> None:
    async with served(ScriptedBackend(reply=forever)) as shim:
        channel = EngineChannel(shim.address)
        async with asyncio.TaskGroup() as tasks, open_session(channel, next_epoch()) as session:
            failing = tasks.create_task(refusal(session, b""))
            await until(lambda: shim.backend.running == 1)
        assert failing.result().retryable
        await until(lambda: shim.backend.running == 0)
        await channel.close()


async def test_a_consumer_that_takes_nothing_is_owed_no_more_than_its_credit() -> None:
    written = 0

    async def pour(call: Call, answer: Answer) -> Usage:
        nonlocal written
        answer.head("text/plain")
        for _ in range(64):
            await answer.write(bytes(64 * 1024))
            written += 64 * 1024
        return Usage()

    async with paired(pour) as pair:
        async with pair.session.submit(asked(), b"", deadline_s=0) as stream:
            # What the shim may hold for a slow reader, and what is on its way to it.
            await until(lambda: written >= 1024 * 1024)
            assert (await ask_other(pair, b"not stalled")).body == b"not stalled"
            taken = 0
            async for event in stream:
                taken += len(getattr(event, "data", b""))
                if taken <= CREDIT_BYTES:
                    assert written <= 1024 * 1024 + CREDIT_BYTES + 128 * 1024
        assert taken == written == 64 * 64 * 1024


async def ask_other(pair: Pair, body: bytes) -> object:
    from tests.support.backends import echo

    before, pair.backend.reply = pair.backend.reply, echo
    try:
        return await ask(pair.session, body)
    finally:
        pair.backend.reply = before


async def test_the_deadline_holds_even_if_the_engine_forgets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = asyncio.Event()

    async def deaf(call: Call, answer: Answer) -> Usage:
        try:
            await released.wait()
        except asyncio.CancelledError:
            await released.wait()
        return Usage()

    monkeypatch.setattr(session_module, "DEADLINE_SLACK_S", 0.01)
    async with paired(deaf) as pair:
        with pytest.raises(EngineFailure) as failed:
            await ask(pair.session, b"", deadline_s=0.05)
        assert (failed.value.code, failed.value.retryable) == ("timed_out", True)
        released.set()


async def test_a_refusal_reaches_its_request_alone() -> None:
    async def picky(call: Call, answer: Answer) -> Usage:
        if call.body == b"bad":
            raise RequestFailed("invalid_value", "no", param="x")
        answer.head("text/plain")
        await answer.write(b"fine")
        return Usage()

    async with paired(picky) as pair:
        bad, good = await asyncio.gather(refusal(pair.session, b"bad"), ask(pair.session, b"good"))
    assert (bad.code, bad.param) == ("invalid_value", "x")
    assert good.body == b"fine"


async def test_load_comes_along_with_the_answers() -> None:
    async with paired() as pair:
        await ask(pair.session, b"x")
        await until(lambda: pair.session.load is not None and pair.session.load.running == 0)


async def test_a_session_to_nowhere_is_refused() -> None:
    channel = EngineChannel("unix:/nowhere/at/all")
    with pytest.raises(XinfError) as refused:
        async with open_session(channel, 1):
            pass
    assert refused.value.code is ErrorCode.ENGINE_FAILED
    assert "/nowhere/at/all" in str(refused.value)
    await channel.close()


async def test_another_protocol_is_incompatible(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(ScriptedBackend()) as shim:
        channel = EngineChannel(shim.address)
        monkeypatch.setattr(session_module, "PROTOCOL_VERSION", 2)
        with pytest.raises(XinfError) as refused:
            async with open_session(channel, next_epoch()):
                pass
        assert refused.value.code is ErrorCode.ENGINE_INCOMPATIBLE
        assert "protocol 2" in str(refused.value)
        await channel.close()


async def test_waiting_for_the_end_of_a_session() -> None:
    async with paired() as pair:
        waiting = asyncio.create_task(pair.session.wait_closed())
        await asyncio.sleep(0)
        assert not waiting.done()
        await pair.channel.shutdown(5)
        async with asyncio.timeout(PATIENCE_S):
            await waiting
        assert pair.session.is_closed
        with pytest.raises(EngineFailure, match="lost"):
            await ask(pair.session, b"")
