"""What several devices have, each: asked a thousand times of the same few sets of devices."""

from __future__ import annotations

from collections.abc import Sequence


class Rooms:
    """`room[N]` are bytes of device N; they must not change any more."""

    def __init__(self, room: Sequence[int]) -> None:
        self._room = room
        self._sorted: dict[tuple[int, ...], list[int]] = {}

    def each(self, numbers: tuple[int, ...], count: int) -> int:
        """What the roomiest `count` of the devices `numbers` have at least, each; 0 where there
        are not so many.
        """
        found = self._sorted.get(numbers)
        if found is None:
            found = sorted((self._room[number] for number in numbers), reverse=True)
            self._sorted[numbers] = found
        return found[count - 1] if count <= len(found) else 0
