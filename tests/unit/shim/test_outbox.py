import asyncio
from collections import defaultdict
from random import Random

import pytest

from xinf.protocol.frames import FRAME_BYTES_MAX, MESSAGE_BYTES_MAX
from xinf.protocol.messages import pb
from xinf.shim.backends.base import Usage
from xinf.shim.limits import Limits
from xinf.shim.outbox import Outbox

LIMITS = Limits(pending_bytes=1 << 30)


async def test_everything_of_one_turn_leaves_in_one_message() -> None:
    outbox = Outbox(LIMITS)
    for number in range(1, 101):
        lane = outbox.lane(number, credit=100)
        lane.head("text/plain")
        await lane.write(b"token")
    frames = outbox.take()
    assert len(frames) == 200
    assert {frame.request for frame in frames} == set(range(1, 101))
    assert outbox.take() == []


async def test_a_short_answer_does_not_wait_behind_a_long_one() -> None:
    outbox = Outbox(LIMITS)
    long, short = outbox.lane(1, 1 << 30), outbox.lane(2, 1 << 30)
    await long.write(bytes(50 * FRAME_BYTES_MAX))
    await short.write(b"quick")
    short.end(Usage())
    frames = outbox.take()
    assert [frame.request for frame in frames[:4]] == [1, 2, 1, 2]
    assert sum(len(frame.data.data) for frame in frames) <= MESSAGE_BYTES_MAX


async def test_a_lane_without_credit_costs_the_others_nothing() -> None:
    outbox = Outbox(LIMITS)
    stuck, other = outbox.lane(1, 0), outbox.lane(2, 100)
    await stuck.write(b"nobody reads this")
    await other.write(b"fine")
    assert [frame.data.data for frame in outbox.take()] == [b"fine"]
    stuck.add_credit(6)
    assert [frame.data.data for frame in outbox.take()] == [b"nobody"]


async def test_an_announcement_goes_first() -> None:
    outbox = Outbox(LIMITS)
    await outbox.lane(1, 100).write(b"x")
    outbox.announce(pb.ServerFrame(welcome=pb.Welcome(epoch=7)))
    assert [frame.WhichOneof("frame") for frame in outbox.take()] == ["welcome", "data"]


async def test_waiting_ends_when_there_is_something_and_when_it_is_closed() -> None:
    outbox = Outbox(LIMITS)
    waiting = asyncio.create_task(outbox.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    await outbox.lane(1, 100).write(b"x")
    assert await waiting
    outbox.take()
    waiting = asyncio.create_task(outbox.wait())
    await asyncio.sleep(0)
    outbox.close()
    assert not await waiting


class Script:
    """What random writers and a random reader did, and what came out."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.outbox = Outbox(LIMITS)
        self.lanes = [self.outbox.lane(number, random.randrange(200)) for number in range(1, 6)]
        self.written: dict[int, bytes] = defaultdict(bytes)
        self.read: dict[int, bytes] = defaultdict(bytes)
        self.ends: list[int] = []
        self.open = list(self.lanes)

    async def step(self) -> None:
        lane = self.random.choice(self.lanes)
        match self.random.randrange(4):
            case 0 if lane in self.open:
                data = self.random.randbytes(self.random.randrange(300))
                self.written[lane.request] += data
                await lane.write(data)
            case 1:
                lane.add_credit(self.random.randrange(200))
            case 2 if lane in self.open and self.random.random() < 0.2:
                self.open.remove(lane)
                lane.end(Usage())
            case _:
                self.take()

    def take(self) -> None:
        for frame in self.outbox.take():
            assert frame.request not in self.ends, "nothing comes after an end"
            if frame.HasField("end"):
                self.ends.append(frame.request)
                assert self.read[frame.request] == self.written[frame.request]
            self.read[frame.request] += frame.data.data

    def finish(self) -> None:
        for lane in self.open:
            lane.end(Usage())
        for lane in self.lanes:
            lane.add_credit(1 << 40)
        self.take()


@pytest.mark.parametrize("seed", range(200))
async def test_any_interleaving_delivers_every_answer_whole_and_ends_it_once(seed: int) -> None:
    script = Script(Random(seed))
    for _ in range(300):
        await script.step()
        assert all(
            script.written[lane.request].startswith(script.read[lane.request])
            for lane in script.lanes
        )
    script.finish()
    assert all(script.read[number] == script.written[number] for number in range(1, 6))
    assert sorted(script.ends) == [1, 2, 3, 4, 5]
