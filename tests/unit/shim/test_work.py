import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.backends import ScriptedBackend, echo, forever
from tests.support.shim import until
from xinf.protocol.frames import REQUEST_BYTES_MAX
from xinf.protocol.messages import pb
from xinf.protocol.tasks import Tasks
from xinf.shim.backends.base import Answer, Call, RequestFailed, Usage
from xinf.shim.lane import Lane
from xinf.shim.limits import Limits
from xinf.shim.work import Request, Work


class Desk:
    """Work over a scripted backend, with what a session would add."""

    def __init__(self, backend: ScriptedBackend, tasks: Tasks) -> None:
        self.backend = backend
        self.work = Work(backend, tasks)
        self.gone: list[str] = []
        self.lanes: dict[str, Lane] = {}

    def open(self, name: str, credit: int = 1000, deadline: float = 0) -> Request | None:
        lane = Lane(1, credit, Limits(), wake=lambda lane: None)
        self.lanes[name] = lane
        opening = pb.Open(endpoint="/v1/x", id=name, deadline_seconds=deadline, priority=3)
        return self.work.open(opening, lane, lambda: self.gone.append(name))

    def ask(
        self, name: str, body: bytes = b"hi", credit: int = 1000, deadline: float = 0
    ) -> Request:
        request = self.open(name, credit, deadline)
        assert request is not None
        request.feed(body, last=True)
        return request

    async def last(self, name: str) -> pb.ServerFrame:
        """The last frame of a request, once there is one."""
        lane = self.lanes[name]
        while True:
            while lane.has_frame:
                frame = lane.next_frame()
                if frame.WhichOneof("frame") in ("end", "failed"):
                    return frame
            await asyncio.sleep(0)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Tasks() as tasks:
        yield Desk(ScriptedBackend(), tasks)


async def test_a_request_runs_once_its_whole_body_is_there(desk: Desk) -> None:
    request = desk.open("a")
    assert request is not None
    request.feed(b"hel", last=False)
    await asyncio.sleep(0)
    assert desk.backend.calls == []
    request.feed(b"lo", last=True)
    assert (await desk.last("a")).HasField("end")
    assert desk.backend.calls == [Call("a", "/v1/x", b"hello", priority=3)]


async def test_a_request_counts_until_its_last_frame_was_taken(desk: Desk) -> None:
    desk.ask("a")
    await asyncio.sleep(0)
    assert desk.work.open_requests == 1
    await desk.last("a")
    assert desk.work.open_requests == 0
    assert desk.gone == ["a"]
    assert desk.work.counters.finished == 1


async def test_a_draining_shim_refuses_new_requests_and_finishes_old_ones(desk: Desk) -> None:
    old = desk.open("old")
    assert old is not None
    desk.work.refuse(RequestFailed("engine_draining", "later", retryable=True))
    assert desk.open("new") is None
    refused = (await desk.last("new")).failed
    assert (refused.code, refused.retryable) == ("engine_draining", True)
    assert not await desk.work.wait_empty(0)
    old.feed(b"", last=True)
    assert (await desk.last("old")).HasField("end")
    assert await desk.work.wait_empty(10)


async def test_a_cancel_reaches_the_backend_and_says_so(desk: Desk) -> None:
    desk.backend.reply = forever
    desk.ask("a")
    await until(lambda: desk.backend.running > 0)
    assert desk.work.cancel("a")
    assert (await desk.last("a")).failed.code == "cancelled"
    assert desk.backend.running == 0
    assert not desk.work.cancel("a")
    assert desk.work.counters.cancelled == 1


async def test_a_cancel_before_the_body_came_ends_the_request(desk: Desk) -> None:
    request = desk.open("a")
    assert request is not None
    request.cancel()
    assert (await desk.last("a")).failed.code == "cancelled"
    request.feed(b"late", last=True)
    assert desk.backend.calls == []


async def test_a_cancel_after_the_answer_drops_what_its_reader_did_not_take(desk: Desk) -> None:
    request = desk.ask("a", b"a long answer", credit=2)
    await until(lambda: request.task is not None and request.task.done())
    request.cancel()
    assert (await desk.last("a")).failed.code == "cancelled"
    assert desk.work.open_requests == 0


async def test_a_deadline_ends_a_request_even_before_its_body_came(desk: Desk) -> None:
    desk.open("a", deadline=0.01)
    failed = (await desk.last("a")).failed
    assert (failed.code, failed.retryable) == ("timed_out", True)


async def test_a_backends_own_timeout_is_not_taken_for_the_deadline(desk: Desk) -> None:
    async def time_out(call: Call, answer: Answer) -> Usage:
        raise TimeoutError

    desk.backend.reply = time_out
    desk.ask("a", deadline=60)
    assert (await desk.last("a")).failed.code == "internal_error"


async def test_a_refusal_by_the_backend_goes_out_as_it_is(desk: Desk) -> None:
    async def refuse(call: Call, answer: Answer) -> Usage:
        raise RequestFailed("invalid_value", "no", param="x", retryable=False)

    desk.backend.reply = refuse
    desk.ask("a")
    failed = (await desk.last("a")).failed
    assert (failed.code, failed.message, failed.param) == ("invalid_value", "no", "x")


async def test_an_accident_in_the_backend_tells_nothing_of_the_prompt(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    async def burst(call: Call, answer: Answer) -> Usage:
        raise KeyError(call.body.decode())

    desk.backend.reply = burst
    desk.ask("a", b"secret words")
    failed = (await desk.last("a")).failed
    assert failed.code == "internal_error"
    logged = capsys.readouterr().err
    assert "KeyError" in logged
    assert "secret" not in failed.message + logged


async def test_a_body_beyond_the_cap_is_refused(desk: Desk) -> None:
    request = desk.open("a")
    assert request is not None
    half = bytes(REQUEST_BYTES_MAX // 2 + 1)
    request.feed(half, last=False)
    request.feed(half, last=True)
    assert (await desk.last("a")).failed.code == "request_too_large"
    assert desk.backend.calls == []


async def test_stopping_ends_everything_with_one_reason(desk: Desk) -> None:
    desk.backend.reply = forever
    for name in "abc":
        desk.ask(name)
    await asyncio.sleep(0)
    desk.work.stop_all(RequestFailed("engine_failed", "it died", retryable=True))
    desk.work.stop_all(RequestFailed("cancelled", "too late to matter"))
    assert {(await desk.last(name)).failed.code for name in "abc"} == {"engine_failed"}
    assert await desk.work.wait_empty(10)


async def test_one_request_after_another_leaves_nothing_behind(desk: Desk) -> None:
    desk.backend.reply = echo
    for index in range(50):
        desk.ask(f"r{index}")
        assert (await desk.last(f"r{index}")).HasField("end")
    assert desk.work.open_requests == 0
    assert len(desk.gone) == desk.work.counters.finished == 50
