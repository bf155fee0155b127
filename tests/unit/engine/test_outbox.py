import asyncio
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from xinf.engine.outbox import Outbox
from xinf.protocol.frames import FRAME_BYTES_MAX, MESSAGE_BYTES_MAX
from xinf.protocol.messages import pb


async def said(outbox: Outbox) -> list[pb.ClientFrame]:
    """Everything that there is to say."""
    frames: list[pb.ClientFrame] = []
    while outbox.has_any:
        message = await outbox.next_message()
        assert sum(len(frame.body.data) for frame in message.frames) <= MESSAGE_BYTES_MAX
        frames += message.frames
    return frames


@settings(max_examples=30)
@given(st.lists(st.integers(0, 5 * FRAME_BYTES_MAX), max_size=6))
def test_every_body_arrives_whole_in_order_and_ends_once(sizes: list[int]) -> None:
    bodies = {number: bytes([number]) * size for number, size in enumerate(sizes, 1)}

    async def send() -> list[pb.ClientFrame]:
        outbox = Outbox()
        for number, body in bodies.items():
            outbox.upload(number, body)
        return await said(outbox)

    arrived: dict[int, bytes] = defaultdict(bytes)
    ended: list[int] = []
    for frame in asyncio.run(send()):
        assert frame.request not in ended
        assert len(frame.body.data) <= FRAME_BYTES_MAX
        arrived[frame.request] += frame.body.data
        if frame.body.last:
            ended.append(frame.request)
    assert arrived == bodies
    assert sorted(ended) == sorted(bodies)


async def test_a_short_prompt_does_not_wait_behind_a_long_one() -> None:
    outbox = Outbox()
    outbox.upload(1, bytes(10 * FRAME_BYTES_MAX))
    outbox.upload(2, b"short")
    frames = (await outbox.next_message()).frames
    assert [frame.request for frame in frames[:3]] == [1, 2, 1]
    assert frames[1].body.last


async def test_commands_go_before_bodies() -> None:
    outbox = Outbox()
    outbox.upload(1, b"body")
    outbox.command(pb.ClientFrame(request=2, cancel=pb.Cancel()))
    frames = (await outbox.next_message()).frames
    assert [frame.WhichOneof("frame") for frame in frames] == ["cancel", "body"]


async def test_a_body_that_nobody_wants_any_more_is_not_sent() -> None:
    outbox = Outbox()
    outbox.upload(1, b"dropped")
    outbox.upload(2, b"kept")
    outbox.drop_upload(1)
    assert [frame.request for frame in await said(outbox)] == [2]


async def test_the_writer_waits_for_something_to_say() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.next_message())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.command(pb.ClientFrame(request=1, cancel=pb.Cancel()))
    assert len((await waiting).frames) == 1
