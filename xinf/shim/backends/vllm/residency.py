"""What vLLM's KV cache holds, as its events tell it.

vLLM publishes what it stores and evicts. This follows it, so that a new observer can be told the
whole, and only speaks of blocks that can be recognized by their tokens: one that was salted, or
that belongs to an adapter, is nothing to other requests, and neither is what was built upon it. The
cache may hold more than is told here, never less.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from xinf.shim.backends.optional import BlocksCleared, BlocksRemoved, BlocksStored, KVChange

Tell: TypeAlias = Callable[[Sequence[KVChange]], None]


@dataclass(frozen=True, slots=True)
class Stored:
    """Blocks that follow each other. `is_plain`: tokens alone made their names."""

    hashes: tuple[bytes, ...]
    parent: bytes
    token_ids: Sequence[int]
    block_size: int
    medium: str = ""
    is_plain: bool = True


News: TypeAlias = Stored | BlocksRemoved | BlocksCleared


@dataclass(frozen=True, slots=True)
class _Block:
    parent: bytes
    token_ids: array[int]
    block_size: int
    medium: str

    def as_change(self, name: bytes) -> BlocksStored:
        tokens = tuple(self.token_ids)
        return BlocksStored((name,), self.parent, tokens, self.block_size, self.medium)


class Residency:
    """The blocks that are in the cache. `listeners` are told every change of that."""

    def __init__(self) -> None:
        self._blocks: dict[bytes, _Block] = {}
        self._expected: int | None = None
        self.listeners: set[Tell] = set()

    def follow(self, number: int, news: Sequence[News]) -> None:
        """Take the message with this number. One that was missed makes all knowledge worthless."""
        changes: list[KVChange] = []
        if self._expected is not None and number != self._expected:
            changes += self._clear()
        self._expected = number + 1
        for each in news:
            changes += self._take(each)
        if changes:
            for tell in tuple(self.listeners):
                tell(changes)

    def snapshot(self) -> Sequence[KVChange]:
        """Every block, parents before children."""
        told: dict[bytes, KVChange] = {}
        for name in self._blocks:
            # A parent that was evicted and came back stands behind its children.
            for each in reversed(self._ancestry(name, told)):
                told[each] = self._blocks[each].as_change(each)
        return tuple(told.values())

    def _ancestry(self, name: bytes, told: dict[bytes, KVChange]) -> list[bytes]:
        line: list[bytes] = []
        while name in self._blocks and name not in told:
            line.append(name)
            name = self._blocks[name].parent
        return line

    def _take(self, news: News) -> list[KVChange]:
        match news:
            case Stored():
                return list(self._store(news))
            case BlocksRemoved(hashes, medium):
                gone = tuple(each for each in hashes if self._blocks.pop(each, None) is not None)
                return [BlocksRemoved(gone, medium)] if gone else []
            case BlocksCleared():
                return self._clear()

    def _store(self, stored: Stored) -> Iterator[KVChange]:
        if not stored.is_plain or (stored.parent and stored.parent not in self._blocks):
            return
        size, names = stored.block_size, stored.hashes
        # The same content may lie in two blocks: it is told once.
        new = [index for index, name in enumerate(names) if name not in self._blocks]
        for index in new:
            tokens = array("I", stored.token_ids[index * size : (index + 1) * size])
            parent = names[index - 1] if index else stored.parent
            self._blocks[names[index]] = _Block(parent, tokens, size, stored.medium)
        for begin, end in _runs(new):
            yield BlocksStored(
                hashes=names[begin:end],
                parent=names[begin - 1] if begin else stored.parent,
                token_ids=tuple(stored.token_ids[begin * size : end * size]),
                block_size=size,
                medium=stored.medium,
            )

    def _clear(self) -> list[KVChange]:
        was_empty = not self._blocks
        self._blocks.clear()
        return [] if was_empty else [BlocksCleared()]


def _runs(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as ranges, each with the number after its end."""
    begin = 0
    for place, index in enumerate(indexes):
        if place + 1 == len(indexes) or indexes[place + 1] != index + 1:
            yield indexes[begin], index + 1
            begin = place + 1
