"""The simulated engine as the shim sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from xinf.protocol.tasks import Tasks
from xinf.shim.backends.base import (
    Answer,
    BackendInfo,
    BackendLoad,
    Call,
    Capability,
    EngineOptions,
    KVCache,
    Report,
    Usage,
)
from xinf.shim.backends.optional import EngineMetrics, KVChange
from xinf.shim.backends.sim.answering import Prepared, prepare, relay
from xinf.shim.backends.sim.cache import BlockCache
from xinf.shim.backends.sim.engine import SimEngine, Tell
from xinf.shim.backends.sim.faults import count_load
from xinf.shim.backends.sim.options import sim_options

VERSION = "1"
CONTEXT = 32768
LOAD_STEPS = 50

# Parsing and hashing take about 1 ms per 20 KiB; beyond this they would be felt by other streams.
INLINE_BYTES_MAX = 32 * 1024

_NO_MODEL = "the simulated engine has no model behind it"
CAPABILITIES = {
    "chat": Capability(supported=True),
    "completions": Capability(supported=True),
    "kv_events": Capability(supported=True),
    "cancel_in_prefill": Capability(supported=True),
    "metrics": Capability(supported=True),
    "embeddings": Capability(supported=False, reason=_NO_MODEL),
    "logprobs": Capability(supported=False, reason=_NO_MODEL),
    "tools": Capability(supported=False, reason="the simulated engine answers in plain words only"),
    "structured_output": Capability(
        supported=False, reason="the simulated engine answers in plain words only"
    ),
    "sleep": Capability(
        supported=False, reason="the simulated engine holds no device memory that it could free"
    ),
}


class SimBackend:
    """Implements EngineBackend, TellsKVEvents and TellsMetrics."""

    def __init__(self) -> None:
        self._tasks = Tasks()
        self._broken = ""

    def build(self, options: EngineOptions, report: Report) -> None:
        self._options = options
        self._sim = sim_options(options.args)
        self._cache = BlockCache(self._sim.kv_blocks, self._sim.block_size)
        # Declared is what it takes on each device; it tells what it holds on all of them.
        each = self._sim.memory_bytes or options.memory_bytes
        self._memory_bytes = each * options.devices
        self._context = min(options.context or CONTEXT, self._sim.kv_blocks * self._sim.block_size)
        _pretend_to_load(self._sim.load_seconds, report)
        count_load(Path(options.private_dir), self._sim.fail_load_times)

    async def start(self) -> None:
        self._engine = SimEngine(self._sim, self._cache, self._memory_bytes)
        self._tasks.start(self._engine.run(), "simulated engine").add_done_callback(self._ended)

    def info(self) -> BackendInfo:
        return BackendInfo(
            version=VERSION,
            context=self._context,
            parallel=self._sim.parallel,
            capabilities=CAPABILITIES,
        )

    def load(self) -> BackendLoad:
        return self._engine.load()

    def kv_cache(self) -> KVCache | None:
        return self._cache.status()

    def broken(self) -> str:
        return self._broken

    async def handle(self, call: Call, answer: Answer) -> Usage:
        if len(call.body) > INLINE_BYTES_MAX:
            prepared = await asyncio.to_thread(self._prepare, call)
        else:
            prepared = self._prepare(call)
        self._engine.submit(prepared.sequence, call.priority)
        try:
            return await relay(prepared, answer)
        finally:
            self._engine.leave(prepared.sequence)

    async def close(self) -> None:
        await self._tasks.end()

    def kv_snapshot(self) -> Sequence[KVChange]:
        return self._cache.snapshot()

    def subscribe_kv(self, tell: Tell) -> Callable[[], None]:
        self._engine.listeners.add(tell)
        return lambda: self._engine.listeners.discard(tell)

    async def metrics(self) -> EngineMetrics:
        return EngineMetrics(self._cache.queries, self._cache.hits)

    def _prepare(self, call: Call) -> Prepared:
        names = self._options.served_names
        return prepare(call, self._context, self._cache.names, names[0] if names else "sim")

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._broken = f"the simulated engine failed: {type(problem).__name__}: {problem}"


def _pretend_to_load(seconds: float, report: Report) -> None:
    for step in range(LOAD_STEPS):
        report("loading", step / LOAD_STEPS, "pretending to read weights")
        time.sleep(seconds / LOAD_STEPS)
