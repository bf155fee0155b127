"""An engine as its agent sees it: a shim process, what it is doing, and how to reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xinf.core.states import EngineState


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """Which process this is, beyond doubt, even after a pid was used again.

    `start_ticks` is field 22 of /proc/PID/stat (clock ticks since boot); `session` is the session
    id that every descendant of the shim carries, so that none can be overlooked.
    """

    pid: int
    start_ticks: int
    session: int
    instance: str


@dataclass(frozen=True, slots=True)
class RunningEngine:
    """The observed record of one replica (`engines/<node>/<replica>` in the store).

    `address` is a gRPC target, `unix:/path` or `host:port`. `since` and `retry_at` are wall
    seconds; `retry_at` only means something in backoff. `memory` is what the engine was last seen
    to hold on each device (by UUID; empty while nobody tells), `memory_bytes` all of it together;
    `context` the tokens that one request may use, known once it is ready;
    `planned_context` those that its place gave it (None = as declared).
    `is_hindered` = the machine, and not the engine, is why it rests in backoff.
    """

    replica: str
    model: str
    node: str
    state: EngineState
    reason: str
    since: float
    engine: str
    runtime: str
    fingerprint: str
    devices: tuple[str, ...]
    memory_bytes: int = 0
    context: int | None = None
    address: str | None = None
    identity: EngineIdentity | None = None
    failures: int = 0
    retry_at: float | None = None
    memory: Mapping[str, int] = field(default_factory=dict[str, int])
    planned_context: int | None = None
    is_hindered: bool = False
