import asyncio
import threading
from collections.abc import Mapping, Sequence

import pytest

from tests.support.clock import VirtualClock, settle
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.nodes import Device, Sighting
from xinf.device.inventory import FIRST_LOOK_S, LOOK_S, SHARED_S, Inventory


class Cards:
    """A kind of device, well or not."""

    def __init__(self, kind: str, count: int, *, trouble: str = "") -> None:
        self.kind = kind
        self.count = count
        self.trouble = trouble
        self.is_there = True
        self.looks = 0
        self.answers = threading.Event()
        self.answers.set()

    def detect(self) -> bool:
        return self.is_there

    def look(self) -> Sighting:
        self.looks += 1
        self.answers.wait(60)
        if self.trouble:
            raise OSError(self.trouble)
        return Sighting(
            tuple(
                Device(f"{self.kind}-{i}", self.kind, i, "", 1, 0, driver="7.1")
                for i in range(self.count)
            )
        )

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        return {f"{self.kind.upper()}_VISIBLE": ",".join(uuids)}


def inventory(*cards: Cards, clock: VirtualClock | None = None) -> Inventory:
    return Inventory(cards, clock or VirtualClock())


def uuids(seen: Sighting) -> list[str]:
    return [device.uuid for device in seen.devices]


async def test_a_process_sees_exactly_its_devices() -> None:
    machine = inventory(Cards("red", 2), Cards("blue", 1))
    assert len((await machine.sample()).devices) == 3
    assert machine.visible_env(["red-1"]) == {"RED_VISIBLE": "red-1"}
    assert machine.visible_env(["red-0", "blue-0"]) == {
        "RED_VISIBLE": "red-0",
        "BLUE_VISIBLE": "blue-0",
    }


async def test_a_device_that_nobody_has_seen_is_refused_rather_than_all_shown() -> None:
    machine = inventory(Cards("red", 1))
    await machine.sample()
    with pytest.raises(XinfError, match="red-7") as caught:
        machine.visible_env(["red-0", "red-7"])
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_a_device_that_was_just_lost_still_has_its_environment() -> None:
    red = Cards("red", 2)
    machine = inventory(red)
    await machine.sample()
    red.count = 1
    assert uuids(await machine.sample()) == ["red-0"]
    assert machine.visible_env(["red-1"]) == {"RED_VISIBLE": "red-1"}


async def test_a_kind_that_is_not_there_is_no_problem_and_may_come_later() -> None:
    red = Cards("red", 1)
    red.is_there = False
    machine = inventory(red, Cards("blue", 1))
    seen = await machine.sample()
    assert (uuids(seen), seen.problems, red.looks) == (["blue-0"], (), 0)
    red.is_there = True
    assert uuids(await machine.sample()) == ["red-0", "blue-0"]


async def test_a_kind_that_cannot_be_asked_does_not_hide_the_others() -> None:
    machine = inventory(Cards("red", 1, trouble="driver mismatch"), Cards("blue", 1))
    seen = await machine.sample()
    assert uuids(seen) == ["blue-0"]
    assert seen.problems == ("red devices cannot be asked: driver mismatch",)
    assert machine.driver("red") == ("", "red devices cannot be asked: driver mismatch")
    assert machine.driver("blue") == ("7.1", "")


async def test_devices_stand_as_last_seen_while_their_driver_cannot_be_asked() -> None:
    red = Cards("red", 2)
    machine = inventory(red)
    before = await machine.sample()
    red.trouble = "driver mismatch"
    seen = await machine.sample()
    assert seen.devices == before.devices
    assert "driver mismatch" in seen.problems[0]
    assert "last seen" in seen.problems[0]
    red.trouble = ""
    assert await machine.sample() == before


async def test_a_driver_that_hangs_stops_nobody_and_is_asked_by_one_thread_only() -> None:
    clock, red = VirtualClock(), Cards("red", 1)
    machine = inventory(red, Cards("blue", 1), clock=clock)
    before = await machine.sample()
    red.answers.clear()
    try:
        for _ in range(3):
            seen = await sampled(machine, clock, LOOK_S)
            assert seen.devices == before.devices
            assert "does not answer" in seen.problems[0]
        assert red.looks == 2  # one that was well, and one that hangs
    finally:
        red.answers.set()
    assert (await machine.sample()).problems == ()


async def test_the_first_look_may_take_longer_for_cards_that_sleep() -> None:
    clock, red = VirtualClock(), Cards("red", 1)
    red.answers.clear()
    machine = inventory(red, clock=clock)
    try:
        seen = await sampled(machine, clock, FIRST_LOOK_S, not_before=LOOK_S)
    finally:
        red.answers.set()
    assert seen.devices == ()
    assert seen.problems == ("red devices cannot be asked: their driver does not answer",)


async def test_who_gives_up_on_the_first_look_leaves_its_patience_to_the_next() -> None:
    clock, red = VirtualClock(), Cards("red", 1)
    red.answers.clear()
    machine = inventory(red, clock=clock)
    impatient = asyncio.ensure_future(machine.sample())
    await settle()
    impatient.cancel()
    await settle()
    try:
        seen = await sampled(machine, clock, FIRST_LOOK_S, not_before=LOOK_S)
    finally:
        red.answers.set()
    assert "does not answer" in seen.problems[0]


async def sampled(
    machine: Inventory, clock: VirtualClock, seconds: float, not_before: float = 0.0
) -> Sighting:
    """What a sample says that ends after exactly `seconds`."""
    sample = asyncio.ensure_future(machine.sample())
    await settle()
    await clock.advance(max(not_before, seconds - 0.1))
    assert not sample.done()
    await clock.advance(seconds)
    return await sample


async def test_devices_that_are_gone_are_lost_until_they_are_back_and_silent_ones_are_not() -> None:
    red, blue = Cards("red", 2), Cards("blue", 1)
    machine = inventory(red, blue)
    assert (await machine.sample()).lost == ()
    red.count = 0
    assert (await machine.sample()).lost == ("red-0", "red-1")
    red.count = 1
    blue.trouble = "driver mismatch"
    for _ in range(2):
        seen = await machine.sample()
        assert (uuids(seen), seen.lost) == (["red-0", "blue-0"], ("red-1",))
    red.count = 2
    assert (await machine.sample()).lost == ()


async def test_an_answer_serves_again_for_as_long_as_the_asker_allows() -> None:
    clock, red = VirtualClock(), Cards("red", 1)
    machine = inventory(red, clock=clock)
    before = await machine.sample()
    red.count = 2
    await clock.advance(SHARED_S - 0.1)
    assert await machine.sample(max_age_s=SHARED_S) is before
    await clock.advance(0.1)
    assert uuids(await machine.sample(max_age_s=SHARED_S)) == ["red-0", "red-1"]
    assert red.looks == 2
    await machine.sample()
    assert red.looks == 3


async def test_many_who_ask_at_a_time_are_one_look() -> None:
    clock, red = VirtualClock(), Cards("red", 1)
    red.answers.clear()
    machine = inventory(red, clock=clock)
    askers = [asyncio.ensure_future(machine.sample(SHARED_S)) for _ in range(20)]
    await settle()
    await clock.advance(1)
    askers[0].cancel()
    askers += [asyncio.ensure_future(machine.sample()) for _ in range(5)]
    await settle()
    await clock.advance(1)
    red.answers.set()
    answers = await asyncio.gather(*askers, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert {uuids(each)[0] for each in answers[1:] if isinstance(each, Sighting)} == {"red-0"}
    assert red.looks == 1


async def test_askers_behind_a_driver_that_hangs_wait_no_longer_than_one() -> None:
    clock, red = VirtualClock(), Cards("red", 1)
    machine = inventory(red, clock=clock)
    await machine.sample()
    red.answers.clear()
    try:
        askers = [asyncio.ensure_future(machine.sample(SHARED_S)) for _ in range(9)]
        await clock.advance(SHARED_S)
        askers = [asyncio.ensure_future(machine.sample(SHARED_S)) for _ in range(9)]
        await settle()
        await clock.advance(LOOK_S)
        answers = await asyncio.gather(*askers)
    finally:
        red.answers.set()
    assert all("does not answer" in each.problems[0] for each in answers)
