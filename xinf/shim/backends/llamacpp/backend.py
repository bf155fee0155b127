"""llama.cpp as an engine of xinf."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from xinf.shim.backends.llamacpp import loading
from xinf.shim.backends.llamacpp.account import Account
from xinf.shim.backends.llamacpp.facts import Facts, capabilities, read_facts
from xinf.shim.backends.llamacpp.loading import Loaded
from xinf.shim.backends.llamacpp.pieces import GAP, Pieces
from xinf.shim.backends.llamacpp.relay import Relay
from xinf.shim.backends.llamacpp.turns import Turns
from xinf.shim.backends.llamacpp.validate import (
    Asked,
    check_tool_choice,
    read_chat,
    read_completion,
)
from xinf.shim.backends.llamacpp.whole import WholeAnswer
from xinf.shim.backends.optional import EngineMetrics

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
# Endpoint, how its body is read, and where its prompt stands in it.
ENDPOINTS: dict[str, tuple[Callable[[bytes, int], Asked], str]] = {
    CHAT: (read_chat, "messages"),
    COMPLETIONS: (read_completion, "prompt"),
}
# Reading this much JSON takes about 5 ms; more is read in a thread.
INLINE_BYTES_MAX = 256 * 1024
WARM_UP = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}


class LlamaCppBackend:
    """See EngineBackend."""

    def __init__(self) -> None:
        self._account = Account()
        self._loaded: Loaded | None = None
        self._relay: Relay | None = None
        self._facts: Facts | None = None
        self._turns = Turns(1)

    def build(self, options: EngineOptions, report: Report) -> None:
        self._loaded = loading.load(options, report)
        self._turns = Turns(self._loaded.plan.parallel)

    async def start(self) -> None:
        loaded = self._loaded
        assert loaded is not None
        self._relay = Relay(loaded.plan.socket)
        self._facts = read_facts(
            await self._relay.ask("/v1/models"), await self._relay.ask("/props")
        )
        await self.handle(Call("warm-up", CHAT, json.dumps(WARM_UP).encode()), Dropped())

    def info(self) -> BackendInfo:
        loaded, facts = self._loaded, self._facts
        assert loaded is not None
        assert facts is not None
        return BackendInfo(
            version=loaded.version,
            context=facts.context,
            parallel=loaded.plan.parallel,
            quantization=facts.quantization,
            parameters=facts.parameters,
            capabilities=capabilities(facts),
        )

    def load(self) -> BackendLoad:
        cache = self.kv_cache()
        return BackendLoad(
            running=self._turns.running,
            waiting=self._turns.waiting,
            kv_usage=min(1.0, cache.blocks_used / cache.blocks_total) if cache else 0.0,
            memory_bytes=resident_bytes(),
            prompt_tokens=self._account.prompt_tokens,
            generated_tokens=self._account.generated_tokens,
            stalled_seconds=self._account.stalled_seconds,
        )

    def kv_cache(self) -> KVCache | None:
        """Cells are blocks of one token; what idle conversations left is free to be overwritten."""
        if self._loaded is None:
            return None
        plan = self._loaded.plan
        return KVCache(plan.context * plan.parallel, self._account.tokens_held, block_size=1)

    def broken(self) -> str:
        return self._relay.refuses() if self._relay else ""

    async def metrics(self) -> EngineMetrics:
        assert self._relay is not None
        account = self._account
        return EngineMetrics(
            prefix_cache_queries=account.prompt_tokens,
            prefix_cache_hits=account.cached_tokens,
            prometheus=await self._relay.ask("/metrics"),
        )

    async def handle(self, call: Call, answer: Answer) -> Usage:
        if call.endpoint not in ENDPOINTS or self._relay is None:
            reason = f"This model generates text; it has no endpoint '{call.endpoint}'."
            raise RequestFailed("unsupported", reason)
        assert self._loaded is not None
        assert self._facts is not None
        read, param = ENDPOINTS[call.endpoint]
        parallel = self._loaded.plan.parallel
        if len(call.body) > INLINE_BYTES_MAX:
            asked = await asyncio.to_thread(read, call.body, parallel)
        else:
            asked = read(call.body, parallel)
        check_tool_choice(asked.body, self._facts.template_has_tools)
        async with self._turns.take(call.priority):
            with self._account.open() as counted:
                pieces = Pieces(param, asked.choices, counted)
                async with self._relay.stream(call.endpoint, asked.body, param) as data:
                    deliver = _deliver_stream if asked.stream else _deliver_whole
                    await deliver(data, pieces, asked, answer)
                counted.settle(pieces.usage)
                return pieces.usage

    async def close(self) -> None:
        relay, self._relay = self._relay, None
        if relay is not None:
            await relay.close()
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None


async def _deliver_stream(data: Any, pieces: Pieces, asked: Asked, answer: Answer) -> None:
    """Pieces as they come; accepted with the first of them, so that a refusal can still be one."""
    has_head = False
    async for chunk in data:
        out = b"".join(b"data: " + payload + GAP for payload in pieces.feed(chunk))
        if pieces.is_done:
            out += b"data: " + pieces.usage_piece() + GAP if asked.include_usage else b""
            out += b"data: [DONE]" + GAP
        if out and not has_head:
            answer.head("text/event-stream")
            has_head = True
        if out:
            await answer.write(out)
    _expect_end(pieces)


async def _deliver_whole(data: Any, pieces: Pieces, asked: Asked, answer: Answer) -> None:
    whole = WholeAnswer()
    async for chunk in data:
        for payload in pieces.feed(chunk):
            whole.add(payload)
    _expect_end(pieces)
    answer.head("application/json")
    await answer.write(whole.finish(pieces.usage))


def _expect_end(pieces: Pieces) -> None:
    if not pieces.is_done:
        raise RequestFailed("engine_failed", "llama.cpp broke off its answer.", retryable=True)


class Dropped:
    """An answer that nobody reads."""

    def head(self, content_type: str) -> None:
        pass

    async def write(self, data: bytes) -> None:
        pass


def resident_bytes() -> int:
    """What this process holds in memory, its part of the page cache's model file included."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
