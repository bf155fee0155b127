"""The engine proper: one loop of steps in which all running sequences advance together.

Requests wait, by priority and then by arrival, until a place and the cache blocks for all that
they can ever need are free. A step gives each decoding sequence one token; prefills share a budget
of tokens a second. Between steps the event loop is always let through.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from collections.abc import Sequence as Changes

from xinf.shim.backends.base import BackendLoad
from xinf.shim.backends.optional import KVChange
from xinf.shim.backends.sim.cache import BlockCache
from xinf.shim.backends.sim.faults import Faults
from xinf.shim.backends.sim.options import SimOptions
from xinf.shim.backends.sim.pace import Pace
from xinf.shim.backends.sim.sequence import Sequence

Tell = Callable[[Changes[KVChange]], None]


class SimEngine:
    """Owner of the sequences, the cache and the pace. `run` is its one loop."""

    def __init__(self, options: SimOptions, cache: BlockCache, memory_bytes: int) -> None:
        self._parallel = options.parallel
        self._memory_bytes = memory_bytes
        self._cache = cache
        self._faults = Faults(options)
        self._pace = Pace(options.tokens_per_second, options.prefill_tokens_per_second)
        self._waiting: list[tuple[int, int, Sequence]] = []
        self._running: list[Sequence] = []
        self._arrivals = itertools.count()
        self._arrived = asyncio.Event()
        self._prompt_tokens = 0
        self._generated = 0
        self._stepped_at = time.monotonic()
        self.listeners: set[Tell] = set()

    def submit(self, sequence: Sequence, priority: int) -> None:
        if not (self._running or self._waiting):
            self._stepped_at = time.monotonic()
        heapq.heappush(self._waiting, (priority, next(self._arrivals), sequence))
        self._arrived.set()

    def leave(self, sequence: Sequence) -> None:
        """The request is over or no longer wanted; its place and its blocks are free at once."""
        if sequence in self._running:
            self._running.remove(sequence)
        else:
            self._waiting = [each for each in self._waiting if each[2] is not sequence]
            heapq.heapify(self._waiting)
        if sequence.holding is not None:
            self._cache.release(sequence.holding)
            sequence.holding = None

    def load(self) -> BackendLoad:
        is_busy = bool(self._running or self._waiting)
        return BackendLoad(
            running=len(self._running),
            waiting=len(self._waiting),
            kv_usage=self._cache.share_used,
            memory_bytes=self._memory_bytes,
            prompt_tokens=self._prompt_tokens,
            generated_tokens=self._generated,
            stalled_seconds=time.monotonic() - self._stepped_at if is_busy else 0.0,
        )

    async def run(self) -> None:
        """Step for ever; a hang is a step that never comes."""
        while True:
            while not (self._running or self._waiting):
                self._pace.rest()
                self._arrived.clear()
                await self._arrived.wait()
            self._admit()
            prefills = sum(each.is_prefilling for each in self._running)
            budget = await self._pace.wait(prefills < len(self._running), prefills > 0)
            has_hung = self._step(budget)
            self._tell()
            if has_hung:
                await asyncio.Event().wait()
            self._stepped_at = time.monotonic()

    def _admit(self) -> None:
        while self._waiting and len(self._running) < self._parallel:
            sequence = self._waiting[0][2]
            holding = self._cache.admit(sequence.prompt_tokens, sequence.chain, sequence.tokens_max)
            if holding is None:
                return  # Whoever waits longest goes first, even if a smaller one would fit.
            heapq.heappop(self._waiting)
            sequence.admit(holding, len(holding.named) * self._cache.block_size)
            self._running.append(sequence)

    def _step(self, prefill_budget: float) -> bool:
        """One step of every running sequence; whether the engine hangs from here on."""
        for sequence in tuple(self._running):
            if sequence.is_prefilling:
                share = int(min(sequence.prompt_tokens - sequence.prefilled, prefill_budget))
                prefill_budget -= share
                self._prompt_tokens += share
                sequence.prefilled += share
                if sequence.is_prefilling:
                    continue
            if self._make_token(sequence):
                return True
        return False

    def _make_token(self, sequence: Sequence) -> bool:
        assert sequence.holding is not None
        sequence.make_token(self._faults.is_wrong(self._generated))
        self._generated += 1
        # The newest token is only the next step's input: its keys and values are not there yet.
        self._cache.fill(sequence.holding, sequence.tokens, len(sequence.tokens) - 1)
        if sequence.is_done:
            self.leave(sequence)
        return self._faults.strike(self._generated)

    def _tell(self) -> None:
        changes = self._cache.take_changes()
        if changes:
            for tell in tuple(self.listeners):
                tell(changes)
