"""Engines that exist only in memory, for tests of whoever starts and watches engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.clock import VirtualClock
from xinf.agent.backoff import BackoffPolicy
from xinf.agent.gate import Gate
from xinf.agent.launcher import ExitReport, Launch
from xinf.agent.ports import AgentPolicy, Ports
from xinf.agent.shim_files import StatusFile
from xinf.core.engines import EngineIdentity, RunningEngine
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.footprints import MeasuredFootprint
from xinf.core.nodes import Device, Sighting
from xinf.core.placement import EngineConfig, ReplicaAssignment, model_of
from xinf.core.progress import Progress, Report, Step
from xinf.core.units import GIB

POLICY = AgentPolicy(
    backoff=BackoffPolicy(min_s=1, max_s=300, reset_s=600, failures_max=3, window_s=600),
    resync_s=5,
    start_deadline_s=60,
    health_interval_s=2,
    health_timeout_s=1,
    health_misses=3,
    hang_after_s=30,
    drain_timeout_s=20,
    stop_grace_s=5,
    memory_wait_s=60,
)


# Beyond any pid_max, so that no fake is ever taken for a process.
FIRST_PID = 2**30
CPU = Device("cpu", "cpu", 0, "some cpu", 64 * GIB, 0)
GPUS = tuple(
    Device(f"GPU-{index}", "cuda", index, "NVIDIA GeForce RTX 5090", 32 * GIB, 0)
    for index in range(2)
)


def assignment(replica: str = "a/0", fingerprint: str = "f") -> ReplicaAssignment:
    config = EngineConfig("sim", "sim", "", (model_of(replica),))
    return ReplicaAssignment(
        replica, model_of(replica), "local", ("cpu",), 1, config, fingerprint, "why"
    )


@dataclass
class FakeLoad:
    memory_bytes: int = 0
    stalled_seconds: float = 0.0


@dataclass
class FakeHealth:
    is_serving: bool = True
    reason: str = ""
    load: FakeLoad = field(default_factory=FakeLoad)


@dataclass
class FakeFacts:
    version: str = "1"
    context: int = 2048


class FakeShim:
    """A shim that does as the test says: `phase`, `ready_at`, `die`, `health_now`, and how long it
    takes to drain and to be destroyed.
    """

    def __init__(self, pid: int, placed: ReplicaAssignment, clock: VirtualClock) -> None:
        self.replica = placed.replica
        self.devices = placed.devices
        self.identity = EngineIdentity(pid, 1, pid, f"i{pid}")
        self.address = f"unix:/{pid}.sock"
        self.phase = "loading"
        self.ready_at = float("inf")
        self.health_now: FakeHealth | None = FakeHealth()
        self.drain_s = 0.0
        self.destroy_s = 0.0
        self.ignores_term = False
        self.is_destroyed = False
        self.drained = False
        self.clock = clock
        self._gone: asyncio.Future[ExitReport] = asyncio.get_running_loop().create_future()

    @property
    def phase_now(self) -> str:
        return "ready" if self.clock.now() >= self.ready_at else self.phase

    @property
    def is_starting(self) -> bool:
        return self.phase_now != "ready" and not self.is_destroyed

    def status(self) -> StatusFile | None:
        instance = self.identity.instance
        return StatusFile(instance=instance, pid=1, phase=self.phase_now, progress=0.5)

    async def wait(self) -> ExitReport:
        return await asyncio.shield(self._gone)

    def last_words(self) -> str:
        return ""

    def die(self, code: int = -9, reason: str = "killed by SIGKILL") -> None:
        if not self._gone.done():
            self._gone.set_result(ExitReport(code, reason))

    def terminate(self) -> None:
        if not self.ignores_term:
            self.die(0, "asked to stop")

    async def destroy(self) -> None:
        if self.destroy_s:
            await self.clock.sleep(self.destroy_s)
        self.die()
        self.is_destroyed = True


class FakeProbe:
    def __init__(self, shim: FakeShim, clock: VirtualClock) -> None:
        self._shim = shim
        self._clock = clock
        self.is_closed = False

    async def health(self, timeout_s: float) -> FakeHealth:
        if self._shim.health_now is None:
            await self._clock.sleep(timeout_s)
            raise XinfError(ErrorCode.TIMED_OUT, cause="no answer")
        return self._shim.health_now

    async def info(self, timeout_s: float) -> FakeFacts:
        return FakeFacts()

    async def drain(self, timeout_s: float) -> bool:
        await self._clock.sleep(min(self._shim.drain_s, timeout_s))
        self._shim.drained = self._shim.drain_s <= timeout_s
        return self._shim.drained

    async def shutdown(self, timeout_s: float) -> None:
        self._shim.terminate()

    async def close(self) -> None:
        self.is_closed = True


class FakeWorld:
    """Launcher, provision, probes and devices at once; what was started stays in `shims`.

    `crowded` are the starts that found another one under way on an accelerator of theirs.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.shims: list[FakeShim] = []
        self.history: list[RunningEngine] = []
        self.progress: list[Progress | None] = []
        self.measured: list[MeasuredFootprint] = []
        self.crowded: list[str] = []
        self.seen = Sighting((*GPUS, CPU))
        self.gate = Gate(self.look, clock, POLICY.memory_wait_s)
        self.provision_s = 0.0
        self.provision_error: XinfError | None = None
        self.on_launch: Callable[[FakeShim], None] = lambda shim: setattr(shim, "phase", "ready")

    @property
    def ports(self) -> Ports:
        return Ports(
            node="local",
            clock=self.clock,
            policy=POLICY,
            provision=self,
            launcher=self,
            connect=self.connect,
            publish=self.history.append,
            tell_progress=lambda _, progress: self.progress.append(progress),
            gate=self.gate,
            measured=self.measured.append,
        )

    async def look(self) -> Sighting:
        return self.seen

    @property
    def states(self) -> list[str]:
        """Every state that was published, without repetition."""
        seen: list[str] = []
        for record in self.history:
            if not seen or seen[-1] != record.state:
                seen.append(str(record.state))
        return seen

    async def prepare(self, assignment: ReplicaAssignment, report: Report) -> Launch:
        report(Step("runtime", 1, 2))
        await self.clock.sleep(self.provision_s)
        if self.provision_error is not None:
            raise self.provision_error
        return Launch(Path("python"), Path("tree"), "", {}, 600)

    async def launch(self, assignment: ReplicaAssignment, launch: Launch) -> FakeShim:
        shim = FakeShim(FIRST_PID + len(self.shims), assignment, self.clock)
        if any(each.is_starting and _share(each, shim) for each in self.shims):
            self.crowded.append(shim.replica)
        self.shims.append(shim)
        self.on_launch(shim)
        return shim

    def connect(self, address: str) -> FakeProbe:
        shim = next(shim for shim in self.shims if shim.address == address)
        return FakeProbe(shim, self.clock)


def _share(one: FakeShim, other: FakeShim) -> bool:
    return bool({*one.devices} & {*other.devices} - {CPU.uuid})
