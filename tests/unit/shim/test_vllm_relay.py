"""The relay before an ASGI app that behaves as vLLM's does."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from xinf.shim.backends.base import Call, RequestFailed, Usage
from xinf.shim.backends.vllm.asking import CHAT, Asked
from xinf.shim.backends.vllm.relay import Relay, scope_of

EVENTS = "text/event-stream; charset=utf-8"
TOLD = {"prompt_tokens": 5, "completion_tokens": 2}
PLAIN = Asked(b'{"a":1}')
CALL = Call("req-1", CHAT, b"{}", priority=-3)


class Collected:
    """An answer that keeps what is written to it."""

    def __init__(self) -> None:
        self.content_type = ""
        self.data = b""

    def head(self, content_type: str) -> None:
        assert not self.content_type
        self.content_type = content_type

    async def write(self, data: bytes) -> None:
        self.data += data


class App:
    """Answers with `parts`. A part that is awaitable is waited for instead."""

    def __init__(self, status: int, content_type: str, *parts: bytes | Awaitable[Any]) -> None:
        self._status = status
        self._type = content_type
        self._parts = parts
        self.scope: Any = None
        self.body = b""
        self.hung_up = False

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Any) -> None:
        self.scope = scope
        self.body = (await receive())["body"]
        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(self._answer(send))
            listening = tasks.create_task(self._listen(receive, answering))
            await asyncio.wait({answering})
            listening.cancel()

    async def _answer(self, send: Any) -> None:
        headers = [(b"content-type", self._type.encode())]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        for part in self._parts:
            if isinstance(part, bytes):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            else:
                await part
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _listen(self, receive: Any, answering: asyncio.Task[None]) -> None:
        assert (await receive())["type"] == "http.disconnect"
        self.hung_up = True
        answering.cancel()


def event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"


ROLE = event(model="small", choices=[{"delta": {"role": "assistant"}}])
WORD = event(model="small", choices=[{"delta": {"content": "Hi"}}])
USAGE = event(model="small", choices=[], usage=TOLD)
DONE = b"data: [DONE]\n\n"
BROKEN = event(error={"message": "EngineCore encountered an issue.", "code": 500})


async def ask(app: Any, answer: Any, asked: Asked = PLAIN, lost: str = "") -> Usage:
    return await Relay(app, "small", lambda: lost).handle(CALL, asked, answer)


async def refusal(app: Any, answer: Any, lost: str = "") -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        await ask(app, answer, lost=lost)
    return caught.value


async def test_a_whole_answer_passes_as_its_bytes_and_tells_its_usage() -> None:
    body = json.dumps({"model": "small", "usage": TOLD}).encode()
    app, answer = App(200, "application/json", body), Collected()
    assert await ask(app, answer) == Usage(5, 2, 0)
    assert (answer.content_type, answer.data) == ("application/json", body)
    assert app.body == b'{"a":1}'


async def test_a_stream_passes_event_by_event() -> None:
    app, answer = App(200, EVENTS, ROLE, WORD, USAGE, DONE), Collected()
    assert await ask(app, answer) == Usage(5, 2, 0)
    assert answer.content_type == EVENTS
    assert answer.data == ROLE + WORD + USAGE + DONE


async def test_usage_that_nobody_asked_for_is_taken_out_and_still_counted() -> None:
    app, answer = App(200, EVENTS, ROLE, WORD, USAGE, DONE), Collected()
    assert await ask(app, answer, Asked(b"{}", hides_usage=True)) == Usage(5, 2, 0)
    assert answer.data == ROLE + WORD + DONE


async def test_the_answer_carries_the_name_that_was_asked_for() -> None:
    app, answer = App(200, EVENTS, ROLE, WORD, DONE), Collected()
    await ask(app, answer, Asked(b"{}", model="other/name"))
    assert answer.data == (ROLE + WORD).replace(b"small", b"other/name") + DONE


def test_the_app_is_told_who_asks_and_how_urgently() -> None:
    headers = dict(scope_of(CALL)["headers"])
    assert headers[b"x-request-id"] == b"req-1"
    assert headers[b"x-vllm-priority"] == b"-3"
    assert b"x-request-id" not in dict(scope_of(Call("", CHAT, b""))["headers"])


async def test_a_refusal_becomes_a_failure_and_nothing_is_written() -> None:
    body = b'{"error": {"message": "no", "param": "seed", "code": 400}}'
    answer = Collected()
    failure = await refusal(App(400, "application/json", body), answer)
    assert (failure.code, failure.param, failure.message) == ("invalid_value", "seed", "no.")
    assert (answer.content_type, answer.data) == ("", b"")


async def test_an_error_at_the_begin_of_a_stream_leaves_the_answer_untouched() -> None:
    answer = Collected()
    failure = await refusal(App(200, EVENTS, BROKEN, DONE), answer)
    assert (failure.code, failure.retryable) == ("engine_failed", False)
    assert (answer.content_type, answer.data) == ("", b"")


async def test_an_error_inside_a_stream_is_held_back_with_all_that_follows() -> None:
    answer = Collected()
    failure = await refusal(App(200, EVENTS, ROLE, BROKEN, DONE), answer, lost="it was killed")
    assert (failure.code, failure.retryable) == ("engine_failed", True)
    assert "it was killed" in failure.message
    assert answer.data == ROLE


async def test_a_dead_engine_is_the_reason_for_whatever_its_app_says() -> None:
    app = App(500, "application/json", b'{"error": {"message": "EngineDeadError"}}')
    failure = await refusal(app, Collected(), lost="it was killed")
    assert (failure.code, failure.retryable) == ("engine_failed", True)


async def test_an_answer_that_was_complete_before_the_engine_died_is_good() -> None:
    app = App(200, EVENTS, WORD, USAGE, DONE)
    assert await ask(app, Collected(), lost="it was killed just now") == Usage(5, 2, 0)


async def test_a_stream_that_ends_without_its_mark_is_broken_off() -> None:
    failure = await refusal(App(200, EVENTS, WORD), Collected())
    assert failure.code == "engine_failed"


async def test_an_app_that_raises_after_its_refusal_is_judged_by_the_refusal() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await App(500, "application/json", b'{"error": {"message": "oops"}}')(scope, receive, send)
        raise RuntimeError("oops")

    assert "oops" in (await refusal(app, Collected())).message


async def test_an_app_that_only_raises_is_not_excused() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("oops")

    with pytest.raises(RuntimeError, match="oops"):
        await ask(app, Collected())


@pytest.mark.parametrize("parts", [(), (ROLE,)], ids=["before the answer", "in its middle"])
async def test_cancelling_hangs_up_and_waits_until_vllm_has_let_go(
    parts: tuple[bytes, ...],
) -> None:
    reached = asyncio.Event()

    async def reach() -> None:
        reached.set()
        await asyncio.Event().wait()

    app = App(200, EVENTS, *parts, reach())
    asking = asyncio.create_task(ask(app, Collected()))
    await reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert app.hung_up


async def test_a_reader_that_stays_behind_ends_the_work_in_vllm() -> None:
    class Slow(Collected):
        async def write(self, data: bytes) -> None:
            raise RequestFailed("slow_reader", "it took nothing")

    app = App(200, EVENTS, ROLE, asyncio.Event().wait())
    assert (await refusal(app, Slow())).code == "slow_reader"
    assert app.hung_up
