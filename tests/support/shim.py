"""Real shim processes for tests, and short ways to talk to them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from grpc import aio

from xinf.core.requests import ExecutionContext
from xinf.engine.channel import EngineChannel
from xinf.engine.failure import EngineFailure
from xinf.engine.session import Data, EngineSession, EngineUsage, Head, open_session
from xinf.protocol.messages import pb
from xinf.protocol.service import CHANNEL_OPTIONS, EngineStub

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"

# Long enough for a busy machine; whoever waits this long has failed.
PATIENCE_S = 60.0

_EPOCHS = count(1)
_REQUESTS = count(1)


@dataclass(frozen=True)
class EngineKind:
    """How to start one kind of engine. `args` make answers take a while, `slow_prefill` prompts.

    `start_s` is how long a start may take on a busy machine.
    """

    name: str
    python: str
    tree: Path
    source: str = ""
    context: int = 2048
    dtype: str = "auto"
    start_s: float = PATIENCE_S
    args: Mapping[str, Any] = field(default_factory=dict)
    slow_prefill: Mapping[str, Any] = field(default_factory=dict)


class ShimProcess:
    """A shim in a directory of its own. `end` leaves nothing of it."""

    def __init__(self, kind: EngineKind, home: Path, **changes: Any) -> None:
        self.kind = kind
        self.home = home
        self.socket = home / "s"
        private = home / "p"
        private.mkdir(mode=0o700, exist_ok=True)
        options = {
            "engine": kind.name,
            "instance": f"{kind.name}-1",
            "source": kind.source,
            "served_names": ["small"],
            "context": kind.context,
            "dtype": kind.dtype,
            "memory_bytes": 0,
            "args": dict(kind.args),
            "orphan_lease_seconds": 300,
            "private_dir": str(private),
            **changes,
        }
        config = home / "c.json"
        config.write_text(json.dumps(options))
        command = [kind.python, "-P", "-m", "xinf.shim", "--socket", str(self.socket)]
        command += ["--config", str(config)]
        with (home / "log").open("a") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": str(kind.tree)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                start_new_session=True,
            )

    @property
    def address(self) -> str:
        return f"unix:{self.socket}"

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()

    @property
    def status(self) -> dict[str, Any]:
        path = self.home / "s.status"
        return json.loads(path.read_text()) if path.exists() else {}

    @property
    def exit_file(self) -> dict[str, Any]:
        return json.loads((self.home / "s.exit").read_text())

    async def wait_ready(self) -> None:
        def look() -> bool:
            assert self.process.poll() is None, self.log
            return self.status.get("phase") == "ready"

        await until(look, self.kind.start_s)

    async def wait_exit(self) -> int:
        return await asyncio.to_thread(self.process.wait, PATIENCE_S)

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        shutil.rmtree(self.home, ignore_errors=True)


def new_home() -> Path:
    """A directory whose path is short enough for sockets."""
    return Path(tempfile.mkdtemp(prefix="xs", dir="/tmp"))


@asynccontextmanager
async def channel_to(shim: ShimProcess) -> AsyncGenerator[EngineChannel]:
    channel = EngineChannel(shim.address)
    try:
        yield channel
    finally:
        await channel.close()


@asynccontextmanager
async def session_to(shim: ShimProcess, epoch: int = 0) -> AsyncGenerator[EngineSession]:
    """A session with an epoch higher than all before it, unless one is given."""
    async with channel_to(shim) as channel, open_session(channel, epoch or next_epoch()) as session:
        yield session


def next_epoch() -> int:
    return next(_EPOCHS)


def asked(endpoint: str = CHAT) -> ExecutionContext:
    return ExecutionContext(f"req-{next(_REQUESTS)}", "small", endpoint, deadline=0.0)


def chat_body(text: str = "Say hello.", **more: Any) -> bytes:
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": text},
    ]
    return json.dumps({"messages": messages, "temperature": 0, "max_tokens": 10, **more}).encode()


def long_body(tokens: int = 1000, text: str = "Count from 1 to 1000.", **more: Any) -> bytes:
    """A streamed chat that does not end by itself before `tokens`."""
    return chat_body(text, stream=True, max_tokens=tokens, ignore_eos=True, **more)


@dataclass(frozen=True)
class Answered:
    head: Head
    body: bytes
    usage: EngineUsage

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The server-sent events; the last one must be the mark."""
        lines = [line for line in self.body.decode().split("\n\n") if line]
        assert lines[-1] == "data: [DONE]"
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]

    @property
    def text(self) -> str:
        """What a client would show, streamed or not."""
        if "json" in self.head.content_type:
            choice = self.json["choices"][0]
            return choice.get("text") or choice["message"]["content"]
        pieces = (event["choices"][0] for event in self.events if event["choices"])
        return "".join(
            each.get("text") or each.get("delta", {}).get("content") or "" for each in pieces
        )


async def ask(
    session: EngineSession, body: bytes, endpoint: str = CHAT, deadline_s: float = 0.0
) -> Answered:
    """One request, to its end."""
    head, data = None, bytearray()
    async with session.submit(asked(endpoint), body, deadline_s=deadline_s) as stream:
        async for event in stream:
            if isinstance(event, Head):
                head = event
            else:
                data += event.data
    assert head is not None
    return Answered(head, bytes(data), stream.usage)


async def first_data(stream: AsyncIterator[Head | Data]) -> Data:
    """The first piece of an answer: from here on it is under way."""
    async for event in stream:
        if isinstance(event, Data):
            return event
    raise AssertionError("the answer ended before it began")


async def until(look: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for something that must become true."""

    async def ask() -> bool:
        return look()

    await _until(ask, seconds)


async def until_idle(channel: EngineChannel) -> None:
    """Wait until nothing runs or waits in the engine."""

    async def look() -> bool:
        load = (await channel.health(5)).load
        return not (load.running or load.waiting)

    await _until(look)


async def until_running(channel: EngineChannel, requests: int = 1) -> None:
    async def look() -> bool:
        return (await channel.health(5)).load.running >= requests

    await _until(look)


async def _until(look: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_S) -> None:
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.01)


# For what only a rude client would do


@asynccontextmanager
async def stub_to(shim: ShimProcess) -> AsyncGenerator[EngineStub]:
    async with aio.insecure_channel(shim.address, options=CHANNEL_OPTIONS) as channel:
        yield EngineStub(channel)


def whole_request(number: int, opening: pb.Open, body: bytes) -> list[pb.ClientFrame]:
    return [
        pb.ClientFrame(request=number, open=opening),
        pb.ClientFrame(request=number, body=pb.Body(data=body, last=True)),
    ]


def credit(number: int, amount: int) -> pb.ClientFrame:
    return pb.ClientFrame(request=number, credit=pb.Credit(bytes=amount))


async def read_until_end(call: Any, data: dict[int, bytes]) -> int:
    """Add to each request's `data` until one ends well; its number."""
    while True:
        async with asyncio.timeout(PATIENCE_S):
            message = await call.read()
        assert message is not aio.EOF
        for frame in message.frames:
            data[frame.request] += frame.data.data
            if frame.HasField("end"):
                return frame.request


async def refusal(session: EngineSession, body: bytes, endpoint: str = CHAT) -> EngineFailure:
    """The failure that a request must end with."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            await ask(session, body, endpoint)
        except EngineFailure as failure:
            return failure
    raise AssertionError("the request was answered")
