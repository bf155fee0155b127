import asyncio

import pytest

from tests.support.clock import settle
from xinf.shim.backends.llamacpp.turns import Turns


class Line:
    """People who come, stay until they are sent away, and sign the book when they get in."""

    def __init__(self, places: int) -> None:
        self.turns = Turns(places)
        self.book: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, priority: int = 20) -> None:
        gate = self.gates[name] = asyncio.Event()

        async def visit() -> None:
            async with self.turns.take(priority):
                self.book.append(name)
                await gate.wait()

        self.tasks[name] = asyncio.create_task(visit())
        await settle()

    async def leave(self, name: str) -> None:
        self.gates[name].set()
        await self.tasks[name]
        await settle()

    @property
    def counts(self) -> tuple[int, int]:
        return self.turns.running, self.turns.waiting


async def test_as_many_as_there_are_places_go_in_and_the_rest_wait() -> None:
    line = Line(2)
    for name in "abc":
        await line.come(name)
    assert (line.book, line.counts) == (["a", "b"], (2, 1))
    await line.leave("a")
    assert (line.book, line.counts) == (["a", "b", "c"], (2, 0))
    await line.leave("b")
    await line.leave("c")
    assert line.counts == (0, 0)


async def test_who_is_more_urgent_goes_first_and_equals_in_order() -> None:
    line = Line(1)
    for name, priority in (("in", 20), ("bulk", 30), ("one", 20), ("two", 20), ("system", 0)):
        await line.come(name, priority)
    for name in ("in", "system", "one", "two", "bulk"):
        await line.leave(name)
    assert line.book == ["in", "system", "one", "two", "bulk"]


async def test_who_gives_up_waiting_is_skipped() -> None:
    line = Line(1)
    for name in "abc":
        await line.come(name)
    line.tasks["b"].cancel()
    await settle()
    assert line.counts == (1, 1)
    await line.leave("a")
    assert (line.book, line.counts) == (["a", "c"], (1, 0))
    await line.leave("c")


async def test_a_place_given_to_one_who_is_cancelled_in_that_instant_is_not_lost() -> None:
    line = Line(1)
    async with line.turns.take(20):
        await line.come("b")
        await line.come("c")
    line.tasks["b"].cancel()  # called by now, but not yet awake
    await settle()
    with pytest.raises(asyncio.CancelledError):
        await line.tasks["b"]
    assert (line.book, line.counts) == (["c"], (1, 0))
    await line.leave("c")
    assert line.counts == (0, 0)
