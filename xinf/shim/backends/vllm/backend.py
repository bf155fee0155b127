"""vLLM as a backend: built, warmed up, asked, closed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xinf.protocol.tasks import Tasks
from xinf.shim.backends.base import (
    Answer,
    BackendInfo,
    BackendLoad,
    Call,
    EngineOptions,
    KVCache,
    Report,
    RequestFailed,
    Usage,
)
from xinf.shim.backends.optional import EngineMetrics, KVChange
from xinf.shim.backends.vllm import asking
from xinf.shim.backends.vllm.environment import prepare
from xinf.shim.backends.vllm.facts import capabilities, count_parameters
from xinf.shim.backends.vllm.memory import SessionMemory
from xinf.shim.backends.vllm.relay import Relay
from xinf.shim.backends.vllm.residency import Residency, Tell
from xinf.shim.backends.vllm.settings import check_source
from xinf.shim.backends.vllm.stats import Account
from xinf.shim.importing import large_import

if TYPE_CHECKING:
    from xinf.shim.backends.vllm.engine import Engine

# Which capability an endpoint belongs to; others vLLM may have, but xinf does not offer.
ENDPOINTS = {
    asking.CHAT: "chat",
    asking.COMPLETIONS: "completions",
    asking.EMBEDDINGS: "embeddings",
}
# Reading this much JSON takes about 5 ms; more is read in a thread.
INLINE_BYTES_MAX = 256 * 1024


class VllmBackend:
    """Implements EngineBackend, TellsMetrics and TellsKVEvents."""

    def __init__(self) -> None:
        self._tasks = Tasks()
        self._account = Account()
        self._memory = SessionMemory()
        self._residency = Residency()
        self._engine: Engine | None = None
        self._relay: Relay | None = None
        self._parameters = 0

    def build(self, options: EngineOptions, report: Report) -> None:
        check_source(Path(options.source))
        report("loading", 0.0, "importing vLLM")
        kv_endpoint = prepare(options, os.environ)
        with large_import():
            # Not before now: it takes ten seconds, and reads the environment.
            from xinf.shim.backends.vllm.engine import Engine
        self._served_name = options.served_names[0]
        self._engine = Engine.start(options, kv_endpoint, self._account.note, report)
        if not self._engine.facts.quantization:
            self._parameters = count_parameters(Path(options.source))

    async def start(self) -> None:
        engine = self._loaded
        app = await engine.serve()
        self._relay = Relay(app, self._served_name, engine.lost)
        self._tasks.start(engine.follow_kv(self._residency.follow), "follow the KV cache")
        await self._warm_up()
        if engine.is_on_cpu:
            # What is on a GPU its driver tells, by process, to whoever looks at the whole device.
            await asyncio.to_thread(self._memory.find, os.getsid(0))

    def info(self) -> BackendInfo:
        engine = self._loaded
        facts = engine.facts
        return BackendInfo(
            version=f"vllm {facts.version}",
            context=facts.context,
            parallel=facts.parallel,
            dtype=facts.dtype,
            quantization=facts.quantization,
            parameters=self._parameters,
            capabilities=capabilities(engine.tasks, engine.has_tool_parser),
        )

    def load(self) -> BackendLoad:
        account, unfinished = self._account, self._loaded.unfinished
        running = account.running(unfinished)
        return BackendLoad(
            running=running,
            waiting=unfinished - running,
            kv_usage=account.kv_usage,
            memory_bytes=self._memory.bytes(),
            prompt_tokens=account.prompt_tokens,
            generated_tokens=account.generated_tokens,
            stalled_seconds=account.stalled_seconds(unfinished),
        )

    def kv_cache(self) -> KVCache | None:
        facts = self._loaded.facts
        if facts.blocks <= 1:
            return None  # an encoder keeps nothing
        used = round(facts.blocks * self._account.kv_usage)
        return KVCache(facts.blocks, used, facts.block_size, facts.kv_bytes)

    def broken(self) -> str:
        return self._engine.lost() if self._engine is not None else ""

    def kv_snapshot(self) -> Sequence[KVChange]:
        return self._residency.snapshot()

    def subscribe_kv(self, tell: Tell) -> Callable[[], None]:
        self._residency.listeners.add(tell)
        return lambda: self._residency.listeners.discard(tell)

    async def metrics(self) -> EngineMetrics:
        return EngineMetrics(
            prefix_cache_queries=self._account.prefix_queries,
            prefix_cache_hits=self._account.prefix_hits,
            prometheus=await self._loaded.exposition(),
        )

    async def handle(self, call: Call, answer: Answer) -> Usage:
        self._check_endpoint(call.endpoint)
        assert self._relay is not None
        name = self._served_name
        if len(call.body) > INLINE_BYTES_MAX:
            asked = await asyncio.to_thread(asking.read, call.endpoint, call.body, name)
        else:
            asked = asking.read(call.endpoint, call.body, name)
        return await self._relay.handle(call, asked, answer)

    async def close(self) -> None:
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            if self._engine is not None:
                await self._engine.close()

    @property
    def _loaded(self) -> Engine:
        assert self._engine is not None
        return self._engine

    def _check_endpoint(self, endpoint: str) -> None:
        kind = ENDPOINTS.get(endpoint)
        if kind is None:
            raise RequestFailed("unsupported", f"This model has no endpoint '{endpoint}'.")
        capability = self.info().capabilities[kind]
        if not capability.supported:
            message = f"This model has no endpoint '{endpoint}': {capability.reason}."
            raise RequestFailed("unsupported", message)

    async def _warm_up(self) -> None:
        """The first requests of each kind pay for what vLLM sets up lazily; nobody shall wait."""
        for endpoint, body in _warm_ups(self._loaded.tasks):
            await self.handle(Call("warm-up", endpoint, json.dumps(body).encode()), Dropped())


def _warm_ups(tasks: tuple[str, ...]) -> list[tuple[str, dict[str, object]]]:
    if "generate" in tasks:
        short: dict[str, object] = {"prompt": "Hi", "max_tokens": 2, "temperature": 0}
        return [(asking.COMPLETIONS, short), (asking.COMPLETIONS, {**short, "logprobs": 1})]
    return [(asking.EMBEDDINGS, {"input": "Hi"})] if "embed" in tasks else []


class Dropped:
    """An answer that nobody reads."""

    def head(self, content_type: str) -> None:
        pass

    async def write(self, data: bytes) -> None:
        pass
