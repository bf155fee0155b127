"""What several devices have, each: asked a thousand times of the same few sets of devices."""

from __future__ import annotations

from collections.abc import Sequence

from xinf.scheduler.table import Make, Makes


class Rooms:
    """`room[N]` are bytes of device N; they must not change any more."""

    def __init__(self, room: Sequence[int]) -> None:
        self._room = room
        self._known: dict[tuple[Makes, int], int] = {}

    def of(self, number: int) -> int:
        return self._room[number]

    def each(self, makes: Makes, count: int) -> int:
        """What the roomiest `count` devices of one make have at least, each; 0 where no make has so
        many.
        """
        found = self._known.get((makes, count))
        if found is None:
            most = (self._most(make, count) for make in makes.each if len(make.numbers) >= count)
            found = self._known[makes, count] = max(most, default=0)
        return found

    def _most(self, make: Make, count: int) -> int:
        return sorted((self._room[number] for number in make.numbers), reverse=True)[count - 1]
