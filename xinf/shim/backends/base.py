"""What a shim asks of an engine. Each other file here answers it for one engine.

A backend is built on the main thread before gRPC exists (an engine may fork), then started inside
the event loop. It answers requests as the bytes that an OpenAI-compatible server would send, and
raises RequestFailed for anything else: no backend ever invents an error body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the control plane told this shim about its engine (the file behind `--config`).

    `source` is a file or folder on disk, empty for `sim`. `context` is tokens a request may use,
    None = what the model allows. `devices` is how many share the model, `memory_bytes` the planned
    claim on each of them, `cache_bytes` the part of it that is for the KV cache (None = whatever is
    left). `args` are the engine's own.
    `private_dir` is a 0700 directory of this shim alone, for sockets and scratch files; keep names
    in it short, a socket path may have 107 bytes.
    """

    engine: str
    instance: str
    source: str
    served_names: tuple[str, ...]
    private_dir: str
    context: int | None = None
    dtype: str = "auto"
    memory_bytes: int = 0
    devices: int = 1
    cache_bytes: int | None = None
    args: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Capability:
    supported: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """Facts of the loaded engine. `parallel` requests run at once, more wait inside it."""

    version: str
    context: int
    parallel: int
    dtype: str = ""
    quantization: str = ""
    parameters: int = 0
    capabilities: Mapping[str, Capability] = field(default_factory=dict[str, Capability])


@dataclass(frozen=True, slots=True)
class BackendLoad:
    """What the engine is doing now. `memory_bytes` is what it holds on all its devices together,
    0 = it does not know; `stalled_seconds` as in the protocol's Load.
    """

    running: int = 0
    waiting: int = 0
    kv_usage: float = 0.0
    memory_bytes: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    stalled_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class KVCache:
    """The engine's cache as a whole."""

    blocks_total: int
    blocks_used: int
    block_size: int
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the API path and the client's JSON."""

    id: str
    endpoint: str
    body: bytes
    priority: int = 0
    deadline_seconds: float = 0.0
    session_key: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of a finished request; 0 where the engine did not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class RequestFailed(Exception):
    """This one request ends with an error; the engine is fine unless `code` is engine_failed.

    `code` is a name from xinf's error table.
    """

    def __init__(
        self, code: str, message: str, *, param: str = "", retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retryable = retryable


class Answer(Protocol):
    """Where one request's answer goes."""

    def head(self, content_type: str) -> None:
        """The request is accepted. Call once, before the first write; never waits."""
        ...

    async def write(self, data: bytes) -> None:
        """More of the answer. Waits only while the reader is far behind.

        Raises RequestFailed("slow_reader") when it stays behind for too long.
        """
        ...


# Called with the phase ("loading" or "warming"), its share done from 0 to 1, and words for people.
Report = Callable[[str, float, str], None]


class EngineBackend(Protocol):
    """One engine. `build` is called once, first; `close` once, last, whatever happened before."""

    def build(self, options: EngineOptions, report: Report) -> None:
        """Load the model, on the main thread, with no event loop running. Raises on failure."""
        ...

    async def start(self) -> None:
        """Take up work inside the event loop, and warm up: a first answer is made and dropped."""
        ...

    def info(self) -> BackendInfo:
        """Facts, valid after start."""
        ...

    def load(self) -> BackendLoad:
        """A snapshot; never waits."""
        ...

    def kv_cache(self) -> KVCache | None:
        """The cache's fill, None where the engine does not tell."""
        ...

    def broken(self) -> str:
        """Why the engine can never answer again; empty while it can."""
        ...

    async def handle(self, call: Call, answer: Answer) -> Usage:
        """Answer one request; cancelling this coroutine stops the work in the engine.

        Raises RequestFailed; with code "unsupported" for an endpoint that the engine lacks.
        """
        ...

    async def close(self) -> None:
        """Give everything back. Bounded: returns within a few seconds."""
        ...
