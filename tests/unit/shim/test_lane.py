import asyncio

import pytest

from xinf.protocol.frames import FRAME_BYTES_MAX
from xinf.shim.backends.base import RequestFailed, Usage
from xinf.shim.lane import Lane
from xinf.shim.limits import Limits

SMALL = Limits(pending_bytes=10, stall_seconds=0.01)
PATIENT = Limits(pending_bytes=10, stall_seconds=60)


def lane(credit: int = 1000, limits: Limits = SMALL) -> Lane:
    return Lane(1, credit, limits, wake=lambda lane: None)


def taken(lane: Lane) -> list[str | bytes]:
    """Everything that can be taken now: data as bytes, other frames by name."""
    found: list[str | bytes] = []
    while lane.has_frame:
        frame = lane.next_frame()
        kind = frame.WhichOneof("frame")
        assert kind is not None
        found.append(frame.data.data if kind == "data" else kind)
    return found


async def test_an_answer_is_head_then_data_then_end() -> None:
    answer = lane()
    answer.head("text/plain")
    await answer.write(b"abc")
    await answer.write(b"def")
    answer.end(Usage(3, 2, 1))
    assert taken(answer) == ["head", b"abcdef", "end"]


async def test_the_end_carries_the_usage() -> None:
    answer = lane()
    answer.end(Usage(3, 2, 1))
    end = answer.next_frame().end
    assert (end.prompt_tokens, end.completion_tokens, end.cached_tokens) == (3, 2, 1)


async def test_no_more_goes_out_than_there_is_credit_for() -> None:
    answer = lane(credit=4)
    await answer.write(b"abcdefgh")
    answer.end(Usage())
    assert taken(answer) == [b"abcd"]
    answer.add_credit(3)
    assert taken(answer) == [b"efg"]
    answer.add_credit(3)
    assert taken(answer) == [b"h", "end"]


async def test_a_frame_is_never_longer_than_64_kib() -> None:
    answer = lane(credit=1 << 30, limits=Limits())
    await answer.write(bytes(2 * FRAME_BYTES_MAX + 1))
    assert [len(each) for each in taken(answer)] == [FRAME_BYTES_MAX, FRAME_BYTES_MAX, 1]


async def test_a_writer_waits_while_its_reader_is_far_behind() -> None:
    answer = lane(credit=0, limits=PATIENT)
    writing = asyncio.create_task(answer.write(b"more than ten bytes"))
    await asyncio.sleep(0)
    assert not writing.done()
    answer.add_credit(100)
    assert taken(answer) == [b"more than ten bytes"]
    await writing


async def test_a_reader_that_stays_behind_fails_its_own_request() -> None:
    answer = lane(credit=0)
    with pytest.raises(RequestFailed) as failed:
        await answer.write(b"more than ten bytes")
    assert failed.value.code == "slow_reader"


async def test_a_failure_does_not_wait_for_credit() -> None:
    answer = lane(credit=2)
    await answer.write(b"abcdef")
    answer.fail(RequestFailed("cancelled", "gone"))
    assert taken(answer) == [b"ab", "failed"]


async def test_a_dropped_lane_says_nothing_and_holds_nobody() -> None:
    gone: list[bool] = []
    answer = lane(credit=0, limits=PATIENT)
    answer.on_gone = lambda: gone.append(True)
    writing = asyncio.create_task(answer.write(b"more than ten bytes"))
    await asyncio.sleep(0)
    answer.drop()
    await writing
    await answer.write(b"and more than that, which nobody will read")
    answer.end(Usage())
    assert taken(answer) == []
    assert gone == [True]


async def test_a_lane_is_gone_once_its_last_frame_was_taken() -> None:
    gone: list[bool] = []
    answer = lane(credit=1)
    answer.on_gone = lambda: gone.append(True)
    await answer.write(b"ab")
    answer.end(Usage())
    assert taken(answer) == [b"a"]
    assert gone == []
    answer.add_credit(1)
    assert taken(answer) == [b"b", "end"]
    assert gone == [True]
