"""What a replica needs of the rest of the world, as narrow as it really is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from xinf.agent.backoff import BackoffPolicy
from xinf.agent.gate import Gate
from xinf.agent.launcher import Launch, Launcher
from xinf.core.clock import Clock
from xinf.core.engines import RunningEngine
from xinf.core.footprints import MeasuredFootprint
from xinf.core.placement import ReplicaAssignment
from xinf.core.progress import Progress, Report


class Provision(Protocol):
    """Brings what an engine needs onto this machine."""

    async def prepare(self, assignment: ReplicaAssignment, report: Report) -> Launch:
        """Runtime and model files, downloaded where missing. Raises XinfError."""
        ...


class Load(Protocol):
    """What an engine says it is doing; bytes and seconds."""

    @property
    def memory_bytes(self) -> int: ...
    @property
    def stalled_seconds(self) -> float: ...


class Health(Protocol):
    @property
    def is_serving(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def load(self) -> Load: ...


class Facts(Protocol):
    @property
    def version(self) -> str: ...
    @property
    def context(self) -> int: ...


class Probe(Protocol):
    """The control side of one engine, short of its data path."""

    async def health(self, timeout_s: float) -> Health: ...
    async def info(self, timeout_s: float) -> Facts: ...
    async def drain(self, timeout_s: float) -> bool:
        """Refuse new work and wait until nothing runs; False when time ran out first."""
        ...

    async def shutdown(self, timeout_s: float) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class AgentPolicy:
    """The settings of the agent; durations in seconds."""

    backoff: BackoffPolicy
    resync_s: float
    start_deadline_s: float
    health_interval_s: float
    health_timeout_s: float
    health_misses: int
    hang_after_s: float
    drain_timeout_s: float
    stop_grace_s: float
    memory_wait_s: float


@dataclass(frozen=True, slots=True)
class Ports:
    """The collaborators that every replica shares."""

    node: str
    clock: Clock
    policy: AgentPolicy
    provision: Provision
    launcher: Launcher
    connect: Callable[[str], Probe]
    publish: Callable[[RunningEngine], None]
    tell_progress: Callable[[str, Progress | None], None]
    gate: Gate
    measured: Callable[[MeasuredFootprint], None]


VisibleEnv = Callable[[tuple[str, ...]], Mapping[str, str]]
