"""One session without gRPC: the test is the gateway, message by message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from grpc import StatusCode

from tests.support.backends import ScriptedBackend, forever
from tests.support.shim import PATIENCE_S, credit, until, whole_request
from xinf.protocol.messages import pb
from xinf.protocol.tasks import Tasks
from xinf.protocol.version import PROTOCOL_VERSION
from xinf.shim.limits import Limits
from xinf.shim.seat import Seat
from xinf.shim.session import Ended, Session, Shared
from xinf.shim.work import Work


class Gateway:
    """The other end of one session."""

    def __init__(self, shared: Shared, tasks: Tasks) -> None:
        self.written: list[pb.SessionResponse] = []
        self._messages: asyncio.Queue[pb.SessionRequest | None] = asyncio.Queue()
        self.session = Session(shared)
        self.life = tasks.start(self.session.run(self._come(), self._write), "session")

    async def _come(self) -> AsyncIterator[pb.SessionRequest]:
        while (message := await self._messages.get()) is not None:
            yield message

    async def _write(self, message: pb.SessionResponse) -> None:
        self.written.append(message)

    def send(self, *frames: pb.ClientFrame) -> None:
        self._messages.put_nowait(pb.SessionRequest(frames=frames))

    def hello(self, epoch: int = 1, protocol: int = PROTOCOL_VERSION) -> None:
        self.send(pb.ClientFrame(hello=pb.Hello(protocol=protocol, epoch=epoch)))

    def ask(self, number: int, body: bytes = b"hi", credit: int = 1000) -> None:
        opening = pb.Open(endpoint="/x", id=f"r{number}", credit=credit)
        self.send(*whole_request(number, opening, body))

    def leave(self) -> None:
        self._messages.put_nowait(None)

    @property
    def frames(self) -> list[pb.ServerFrame]:
        return [frame for message in self.written for frame in message.frames]

    def said(self, number: int) -> list[str | None]:
        return [each.WhichOneof("frame") for each in self.frames if each.request == number]

    async def ended(self) -> Ended:
        async with asyncio.timeout(PATIENCE_S):
            return await self.life


class Shim:
    """What all sessions of a test share."""

    def __init__(self, tasks: Tasks, limits: Limits) -> None:
        self.backend = ScriptedBackend()
        self.work = Work(self.backend, tasks)
        self.shared = Shared("instance-1", self.work, Seat(), limits, self._load)
        self._tasks = tasks

    def _load(self) -> pb.Load:
        return pb.Load(running=self.backend.running)

    def gateway(self) -> Gateway:
        return Gateway(self.shared, self._tasks)


@asynccontextmanager
async def shim(limits: Limits | None = None) -> AsyncIterator[Shim]:
    async with Tasks() as tasks:
        yield Shim(tasks, limits or Limits())


async def test_a_gateway_is_welcomed_by_instance_and_epoch() -> None:
    async with shim() as s:
        gateway = s.gateway()
        gateway.hello(epoch=7)
        await until(lambda: bool(gateway.frames))
        welcome = gateway.frames[0].welcome
        assert (welcome.instance, welcome.epoch) == ("instance-1", 7)


async def test_everything_of_one_turn_is_answered_in_one_message() -> None:
    async with shim() as s:
        gateway = s.gateway()
        gateway.hello()
        for number in range(1, 33):
            gateway.ask(number)
        await until(lambda: sum(each.HasField("end") for each in gateway.frames) == 32)
        assert len(gateway.written) < 10
        assert all(gateway.said(number) == ["head", "data", "end"] for number in range(1, 33))


async def test_a_message_after_the_last_answer_says_that_nothing_runs() -> None:
    async with shim() as s:
        gateway = s.gateway()
        gateway.hello()
        gateway.ask(1)
        await until(lambda: "end" in gateway.said(1))
        loads = [message.load.running for message in gateway.written if message.HasField("load")]
        assert loads[-1] == 0


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([pb.ClientFrame(request=1, cancel=pb.Cancel())], "begins with hello"),
        ([pb.ClientFrame()], "begins with hello"),
    ],
)
async def test_whoever_does_not_say_hello_is_shown_out(
    frames: list[pb.ClientFrame], reason: str
) -> None:
    async with shim() as s:
        gateway = s.gateway()
        gateway.send(*frames)
        ended = await gateway.ended()
    assert ended.status is StatusCode.INVALID_ARGUMENT
    assert reason in ended.details


@pytest.mark.parametrize("numbers", [(0,), (5, 5)])
async def test_a_number_that_is_taken_breaks_the_session(numbers: tuple[int, ...]) -> None:
    async with shim() as s:
        s.backend.reply = forever
        gateway = s.gateway()
        gateway.hello()
        for number in numbers:
            gateway.ask(number)
        assert (await gateway.ended()).status is StatusCode.INVALID_ARGUMENT
        await until(lambda: s.backend.running == 0)


async def test_frames_for_a_request_that_ended_meanwhile_are_ignored() -> None:
    async with shim() as s:
        gateway = s.gateway()
        gateway.hello()
        gateway.ask(1)
        await until(lambda: "end" in gateway.said(1))
        gateway.send(credit(1, 5), pb.ClientFrame(request=1, cancel=pb.Cancel()))
        gateway.ask(2)
        await until(lambda: "end" in gateway.said(2))
        assert gateway.said(1).count("end") == 1
        assert "failed" not in gateway.said(1)


async def test_too_many_open_requests_are_refused_and_the_others_go_on() -> None:
    async with shim(replace(Limits(), open_requests=2)) as s:
        s.backend.reply = forever
        gateway = s.gateway()
        gateway.hello()
        for number in (1, 2, 3):
            gateway.ask(number)
        await until(lambda: "failed" in gateway.said(3))
        (failed,) = [each.failed for each in gateway.frames if each.request == 3]
        assert (failed.code, failed.retryable) == ("rate_limit_exceeded", True)
        assert s.backend.running == 2


async def test_a_gateway_that_leaves_takes_its_requests_along() -> None:
    async with shim() as s:
        s.backend.reply = forever
        gateway = s.gateway()
        gateway.hello()
        gateway.ask(1)
        await until(lambda: s.backend.running == 1)
        gateway.leave()
        assert (await gateway.ended()).status is StatusCode.OK
        await until(lambda: s.work.open_requests == 0 and s.backend.running == 0)


async def test_a_cancelled_stream_takes_its_requests_along() -> None:
    async with shim() as s:
        s.backend.reply = forever
        gateway = s.gateway()
        gateway.hello()
        gateway.ask(1)
        await until(lambda: s.backend.running == 1)
        gateway.life.cancel()
        await until(lambda: s.work.open_requests == 0 and s.backend.running == 0)


async def test_a_newer_gateway_takes_over_and_only_the_olders_requests_end() -> None:
    async with shim() as s:
        s.backend.reply = forever
        older, newer = s.gateway(), s.gateway()
        older.hello(epoch=1)
        older.ask(1)
        await until(lambda: s.backend.running == 1)
        newer.hello(epoch=2)
        newer.ask(1)
        ended = await older.ended()
        assert (ended.status, ended.code) == (StatusCode.ABORTED, "taken_over")
        await until(lambda: newer.said(1) == ["head", "data"] and s.backend.running == 1)


async def test_a_late_gateway_is_refused_by_name() -> None:
    async with shim() as s:
        holder, late = s.gateway(), s.gateway()
        holder.hello(epoch=5)
        await until(lambda: bool(holder.frames))
        late.hello(epoch=5)
        ended = await late.ended()
        assert (ended.status, ended.code) == (StatusCode.FAILED_PRECONDITION, "stale_epoch")
        holder.ask(1)
        await until(lambda: "end" in holder.said(1))


async def test_another_protocol_is_refused_by_name() -> None:
    async with shim() as s:
        gateway = s.gateway()
        gateway.hello(protocol=99)
        ended = await gateway.ended()
    assert (ended.status, ended.code) == (StatusCode.FAILED_PRECONDITION, "engine_incompatible")


async def test_finishing_writes_what_is_left_and_ends() -> None:
    async with shim() as s:
        gateway = s.gateway()
        gateway.hello()
        gateway.session.finish(Ended(StatusCode.UNAVAILABLE, "stopping"))
        assert (await gateway.ended()).details == "stopping"
