"""The KV cache: blocks of tokens, named by a chain of hashes, shared by prefix, evicted by age.

A sequence reserves all blocks that it can ever need before it starts, so that none must stop
halfway. A full block gets the name hash(parent's name, its tokens); sequences with the same prefix
share it. A block that no sequence uses stays, oldest first to go, until its place is needed.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, takewhile

from xinf.shim.backends.base import KVCache
from xinf.shim.backends.optional import BlocksRemoved, BlocksStored, KVChange

MEDIUM = "sim"


@dataclass(slots=True)
class _Block:
    parent: bytes
    tokens: tuple[int, ...]
    users: int = 0


@dataclass(eq=False, slots=True)
class Holding:
    """What one sequence holds: named blocks in order, and reserved ones that are not full yet.

    `chain` is what `BlockCache.names` said of its prompt.
    """

    named: list[bytes]
    reserved: int
    chain: Sequence[bytes]


class BlockCache:
    """Owner of all blocks. `take_changes` hands out what happened since it was last called."""

    def __init__(self, blocks: int, block_size: int) -> None:
        self.total = blocks
        self.block_size = block_size
        self._blocks: dict[bytes, _Block] = {}
        self._idle: OrderedDict[bytes, None] = OrderedDict()
        self._reserved = 0
        self._changes: list[KVChange] = []
        self.queries = 0
        self.hits = 0

    @property
    def used(self) -> int:
        """Blocks that some sequence holds now."""
        return len(self._blocks) - len(self._idle) + self._reserved

    @property
    def share_used(self) -> float:
        return self.used / self.total

    def status(self) -> KVCache:
        return KVCache(self.total, self.used, self.block_size)

    def names(self, prompt: Sequence[int]) -> list[bytes]:
        """The names of a prompt's full blocks. Touches no state: may run in a thread."""
        found: list[bytes] = []
        for start in range(0, len(prompt) - self.block_size + 1, self.block_size):
            tokens = prompt[start : start + self.block_size]
            found.append(_name(found[-1] if found else b"", tokens))
        return found

    def admit(self, prompt_tokens: int, chain: Sequence[bytes], tokens_max: int) -> Holding | None:
        """Reserve for a sequence of up to `tokens_max` tokens; None if there is no room now."""
        cached = self._match(prompt_tokens, chain)
        wanted = -(-tokens_max // self.block_size) - len(cached)
        idle_wanted = sum(name in self._idle for name in cached)
        if wanted > self.total - self.used - idle_wanted:
            return None
        for name in cached:
            self._use(name)
        self._make_room(wanted)
        self._reserved += wanted
        self.queries += prompt_tokens
        self.hits += len(cached) * self.block_size
        return Holding(cached, wanted, chain)

    def fill(self, holding: Holding, tokens: Sequence[int], computed: int) -> None:
        """The first `computed` of `tokens` are in the cache: name the blocks that became full."""
        size = self.block_size
        stored: list[bytes] = []
        for start in range(len(holding.named) * size, computed - size + 1, size):
            name, is_new = self._fill_one(holding, tuple(tokens[start : start + size]))
            if is_new:
                stored.append(name)
        self._tell_stored(stored)

    def _fill_one(self, holding: Holding, tokens: tuple[int, ...]) -> tuple[bytes, bool]:
        index = len(holding.named)
        parent = holding.named[-1] if holding.named else b""
        name = holding.chain[index] if index < len(holding.chain) else _name(parent, tokens)
        is_new = name not in self._blocks
        if is_new:
            self._blocks[name] = _Block(parent, tokens)
        self._use(name)
        holding.named.append(name)
        holding.reserved -= 1
        self._reserved -= 1
        return name, is_new

    def release(self, holding: Holding) -> None:
        """The sequence is over. Its last blocks count as older: a chain is eaten from its end."""
        for name in reversed(holding.named):
            block = self._blocks[name]
            block.users -= 1
            if not block.users:
                self._idle[name] = None
        self._reserved -= holding.reserved
        holding.named, holding.reserved = [], 0

    def take_changes(self) -> list[KVChange]:
        changes, self._changes = self._changes, []
        return changes

    def snapshot(self) -> list[KVChange]:
        """Every named block, parents before children."""
        # Insertion order is that: a parent is named before its children and evicted after them.
        return [self._stored([name]) for name in self._blocks]

    def _match(self, prompt_tokens: int, chain: Sequence[bytes]) -> list[bytes]:
        """Named blocks of the longest cached prefix; at least one token is left to compute."""
        blocks_max = (prompt_tokens - 1) // self.block_size
        return list(takewhile(self._blocks.__contains__, chain[:blocks_max]))

    def _use(self, name: bytes) -> None:
        self._blocks[name].users += 1
        self._idle.pop(name, None)

    def _make_room(self, blocks: int) -> None:
        gone: list[bytes] = []
        while len(self._blocks) + self._reserved + blocks > self.total:
            name, _ = self._idle.popitem(last=False)
            del self._blocks[name]
            gone.append(name)
        if gone:
            self._changes.append(BlocksRemoved(tuple(gone), MEDIUM))

    def _tell_stored(self, names: Sequence[bytes]) -> None:
        """One event per unbroken chain; a block that was there already breaks it."""
        run: list[bytes] = []
        for name in names:
            if run and self._blocks[name].parent != run[-1]:
                self._changes.append(self._stored(run))
                run = []
            run.append(name)
        if run:
            self._changes.append(self._stored(run))

    def _stored(self, names: Sequence[bytes]) -> BlocksStored:
        parent = self._blocks[names[0]].parent
        token_ids = tuple(chain.from_iterable(self._blocks[name].tokens for name in names))
        return BlocksStored(tuple(names), parent, token_ids, self.block_size, MEDIUM)


def _name(parent: bytes, tokens: Sequence[int]) -> bytes:
    return hashlib.sha256(parent + array("I", tokens).tobytes()).digest()[:16]
