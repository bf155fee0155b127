import json
from collections.abc import AsyncIterator

import pytest

from tests.support.backends import ScriptedBackend, echo, forever
from tests.support.shim import until
from xinf.protocol.tasks import Tasks
from xinf.shim.backends.base import Answer, Call, RequestFailed, Usage
from xinf.shim.limits import Limits
from xinf.shim.unary import Ask, answer_bytes, whole_answer
from xinf.shim.work import Work


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    async with Tasks() as tasks:
        yield tasks


@pytest.mark.parametrize("stream", [True, False])
async def test_the_body_asks_for_what_the_call_gives(tasks: Tasks, stream: bool) -> None:
    body = json.dumps({"prompt": "x", "stream": not stream}).encode()
    ask = Ask("a", "/v1/completions", body, stream)
    answered = await whole_answer(Work(ScriptedBackend(), tasks), Limits(), ask)
    assert json.loads(answered) == {"prompt": "x", "stream": stream}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_a_body_that_is_no_object_is_left_to_the_engine(tasks: Tasks, body: bytes) -> None:
    work = Work(ScriptedBackend(), tasks)
    assert await whole_answer(work, Limits(), Ask("a", "/x", body)) == body


async def test_an_answer_that_is_too_long_for_one_piece_must_be_streamed(tasks: Tasks) -> None:
    work, ask = Work(ScriptedBackend(reply=echo), tasks), Ask("a", "/x", bytes(100))
    with pytest.raises(RequestFailed, match="stream it"):
        await whole_answer(work, Limits(unary_answer_bytes=99), ask)
    assert len(await whole_answer(work, Limits(unary_answer_bytes=100), ask)) == 100


async def test_a_refusal_is_raised_as_it_is(tasks: Tasks) -> None:
    async def refuse(call: Call, answer: Answer) -> Usage:
        raise RequestFailed("invalid_value", "no", param="x", retryable=True)

    work = Work(ScriptedBackend(reply=refuse), tasks)
    with pytest.raises(RequestFailed) as failed:
        await whole_answer(work, Limits(), Ask("a", "/x", b""))
    failure = failed.value
    assert (failure.code, failure.param, failure.retryable) == ("invalid_value", "x", True)


async def test_leaving_early_ends_the_work(tasks: Tasks) -> None:
    backend = ScriptedBackend(reply=forever)
    pieces = answer_bytes(Work(backend, tasks), Limits(), Ask("a", "/x", b""))
    assert await anext(pieces) == b"x"
    assert backend.running == 1
    await pieces.aclose()
    await until(lambda: backend.running == 0)


async def test_a_draining_shim_refuses_unary_calls_too(tasks: Tasks) -> None:
    work = Work(ScriptedBackend(), tasks)
    work.refuse(RequestFailed("engine_draining", "later", retryable=True))
    with pytest.raises(RequestFailed, match="later"):
        await whole_answer(work, Limits(), Ask("a", "/x", b""))
