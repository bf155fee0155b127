"""An engine backend that does what a test tells it, and a real shim server around it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.shim import new_home
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
from xinf.shim.exits import Exit
from xinf.shim.options import ShimOptions
from xinf.shim.run import live

Handle = Callable[[Call, Answer], Awaitable[Usage]]


async def echo(call: Call, answer: Answer) -> Usage:
    """Answer with the request's body."""
    answer.head("application/json")
    await answer.write(call.body)
    return Usage(prompt_tokens=len(call.body), completion_tokens=1)


async def forever(call: Call, answer: Answer) -> Usage:
    """Begin to answer, and go on until somebody ends it."""
    answer.head("text/event-stream")
    await answer.write(b"x")
    await asyncio.Event().wait()
    return Usage()


@dataclass
class ScriptedBackend:
    """Implements EngineBackend. `reply` answers; `calls` keeps what came."""

    reply: Handle = echo
    start_failure: Exception | None = None
    broke: str = ""
    calls: list[Call] = field(default_factory=list[Call])
    running: int = 0
    is_closed: bool = False

    def build(self, options: EngineOptions, report: Report) -> None:
        report("loading", 0.5, "half")

    async def start(self) -> None:
        if self.start_failure is not None:
            raise self.start_failure

    def info(self) -> BackendInfo:
        can = Capability(supported=True)
        return BackendInfo("1", 100, 2, capabilities={"chat": can, "completions": can})

    def load(self) -> BackendLoad:
        return BackendLoad(running=self.running)

    def kv_cache(self) -> KVCache | None:
        return None

    def broken(self) -> str:
        return self.broke

    async def handle(self, call: Call, answer: Answer) -> Usage:
        self.calls.append(call)
        self.running += 1
        try:
            return await self.reply(call, answer)
        finally:
            self.running -= 1

    async def close(self) -> None:
        self.is_closed = True


@dataclass
class Served:
    """A shim that lives in this process. `end` is how it ended, once it did."""

    socket: Path
    backend: ScriptedBackend
    life: asyncio.Task[Exit]

    @property
    def address(self) -> str:
        return f"unix:{self.socket}"


@asynccontextmanager
async def served(backend: ScriptedBackend, lease_s: float = 0) -> AsyncGenerator[Served]:
    """The whole life of a shim but for its process."""
    home = new_home()
    options = ShimOptions(
        engine=EngineOptions("scripted", "instance-1", "", ("small",), str(home)),
        socket=home / "s",
        orphan_lease_seconds=lease_s,
    )
    is_ready = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            life = tasks.create_task(live(backend, options, is_ready.set))
            ready = tasks.create_task(is_ready.wait())
            await asyncio.wait({life, ready}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            yield Served(options.socket, backend, life)
            life.cancel()
    finally:
        shutil.rmtree(home, ignore_errors=True)
