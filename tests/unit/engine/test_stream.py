import asyncio

import pytest

from xinf.engine.failure import EngineFailure
from xinf.engine.stream import CREDIT_BACK_BYTES, Data, EngineStream, EngineUsage, Head
from xinf.protocol.messages import pb


class Fed:
    """A stream and the credit that it gave back."""

    def __init__(self) -> None:
        self.credit: list[int] = []
        self.stream = EngineStream(self.credit.append)

    def head(self) -> None:
        frame = pb.ServerFrame(head=pb.Head(status=200, content_type="text/plain"))
        self.stream.receive("head", frame)

    def data(self, data: bytes) -> None:
        self.stream.receive("data", pb.ServerFrame(data=pb.Data(data=data)))

    def end(self) -> None:
        end = pb.End(prompt_tokens=3, completion_tokens=2, cached_tokens=1)
        self.stream.receive("end", pb.ServerFrame(end=end))


async def test_an_answer_is_head_then_data_then_the_end() -> None:
    fed = Fed()
    fed.head()
    fed.data(b"abc")
    fed.end()
    assert [event async for event in fed.stream] == [Head(200, "text/plain"), Data(b"abc")]
    assert fed.stream.usage == EngineUsage(3, 2, 1)


async def test_a_consumer_that_comes_late_gets_all_pieces_as_one() -> None:
    fed = Fed()
    for piece in (b"a", b"b", b"c"):
        fed.data(piece)
    assert await anext(fed.stream) == Data(b"abc")


async def test_a_waiting_consumer_is_woken_by_each_piece() -> None:
    fed = Fed()
    waiting = asyncio.create_task(anext(fed.stream))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert not waiting.done()
    fed.data(b"now")
    assert await waiting == Data(b"now")


async def test_credit_goes_back_only_for_what_was_taken_and_in_large_steps() -> None:
    fed = Fed()
    fed.data(bytes(CREDIT_BACK_BYTES - 1))
    assert fed.credit == []
    await anext(fed.stream)
    assert fed.credit == []
    fed.data(b"xy")
    await anext(fed.stream)
    assert fed.credit == [CREDIT_BACK_BYTES + 1]


async def test_no_credit_goes_back_for_an_answer_that_is_over() -> None:
    fed = Fed()
    fed.data(bytes(2 * CREDIT_BACK_BYTES))
    fed.end()
    await anext(fed.stream)
    assert fed.credit == []


async def test_what_arrived_before_a_failure_is_still_delivered() -> None:
    fed = Fed()
    fed.data(b"half")
    fed.stream.fail(EngineFailure("engine_failed", "it died", retryable=True))
    assert await anext(fed.stream) == Data(b"half")
    with pytest.raises(EngineFailure, match="it died") as failed:
        await anext(fed.stream)
    assert failed.value.retryable


async def test_a_refusal_keeps_its_code_and_parameter() -> None:
    fed = Fed()
    failed = pb.Failed(code="invalid_type", message="no", param="messages")
    fed.stream.receive("failed", pb.ServerFrame(failed=failed))
    with pytest.raises(EngineFailure) as raised:
        await anext(fed.stream)
    failure = raised.value
    assert (failure.code, failure.message, failure.param) == ("invalid_type", "no", "messages")
    assert not failure.retryable


async def test_the_first_end_stands() -> None:
    fed = Fed()
    fed.end()
    fed.stream.fail(EngineFailure("engine_failed", "too late"))
    assert [event async for event in fed.stream] == []
