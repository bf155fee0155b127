"""A machine whose GPUs have real figures: engines and programs take memory there and give it back.

Engines take what they need little by little while they load, and their processes are known by a
folder like /proc, so that the agent itself finds out whose they are. A device that hides its
processes tells only how full it is. What truly happened can be asked afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.clock import VirtualClock
from tests.support.engines import CPU, FakeHealth, FakeLoad, FakeShim, FakeWorld
from xinf.agent.launcher import Launch
from xinf.core.nodes import Device, DeviceProcess, Sighting
from xinf.core.placement import ReplicaAssignment
from xinf.core.units import GIB

LOAD_S = 3.0
# For so long a record may tell of what is over: a heartbeat and a turn of the plan.
STALE_S = 6.0


@dataclass(eq=False)
class Holding:
    """What one engine takes on each of its devices, from `since` on and in full after LOAD_S."""

    shim: FakeShim
    size: int
    since: float

    @property
    def is_there(self) -> bool:
        return not self.shim.is_destroyed

    def now(self, at: float) -> int:
        if not self.is_there:
            return 0
        return int(self.size * min((at - self.since) / LOAD_S, 1.0))


class Imitated(FakeWorld):
    """`takes` says what an engine really takes of what it was promised. `too_full` are the starts
    for which there would not have been room, whatever others did later.
    """

    def __init__(self, clock: VirtualClock, gpus: tuple[Device, ...], proc: Path) -> None:
        super().__init__(clock)
        self.gpus = {gpu.uuid: gpu for gpu in gpus}
        self.away: set[str] = set()
        self.programs: dict[str, int] = {}
        self.takes: Callable[[ReplicaAssignment], int] = lambda placed: placed.memory_bytes
        self.too_full: list[str] = []
        self._holdings: list[Holding] = []
        self._history: list[tuple[float, Mapping[str, int]]] = []
        self._proc = proc
        self.on_launch = self._load

    def play(self, uuid: str, size: int) -> None:
        """A program that is not ours holds so much of a device now, or all that is free."""
        free = self.gpus[uuid].memory_total - self._ours(uuid)
        self.programs = {**self.programs, uuid: max(min(size, free), 0)}
        self._history.append((self.clock.now(), self.programs))

    def most_foreign(self, uuid: str) -> int:
        """The most that others held of a device as far back as any record may tell."""
        since = self.clock.now() - STALE_S
        before = [held for at, held in self._history if at < since][-1:]
        told = [*before, *(held for at, held in self._history if at >= since)]
        return max((held.get(uuid, 0) for held in told), default=0)

    def claimed(self, uuid: str, entries: Iterable[ReplicaAssignment]) -> int:
        """What the engines of a plan take of a device, or will: in truth or by their promise."""
        real = {each.shim.replica: each.size for each in self._on(uuid) if each.is_there}
        return sum(
            max(real.get(entry.replica, 0), entry.memory_bytes)
            for entry in entries
            if uuid in entry.devices
        )

    def step(self) -> None:
        """Who finds no memory any more while it loads dies of that."""
        now = self.clock.now()
        for uuid, gpu in self.gpus.items():
            if self.programs.get(uuid, 0) + self._ours(uuid) > gpu.memory_total:
                for each in self._on(uuid):
                    if each.is_there and each.now(now) < each.size:
                        each.shim.die(71, "out of memory")

    async def look(self) -> Sighting:
        self.step()
        there = [self._device(gpu) for gpu in self.gpus.values() if gpu.uuid not in self.away]
        return Sighting((CPU, *there), lost=tuple(sorted(self.away)))

    async def launch(self, assignment: ReplicaAssignment, launch: Launch) -> FakeShim:
        for uuid in assignment.devices:
            room = self.gpus[uuid].memory_total - self.programs.get(uuid, 0) - self._promised(uuid)
            if room < assignment.memory_bytes:
                self.too_full.append(f"{assignment.replica} on {uuid} at {self.clock.now()}")
        shim = await super().launch(assignment, launch)
        pid = shim.identity.pid
        (self._proc / str(pid)).mkdir()
        rest = " ".join(["0"] * 15)
        (self._proc / str(pid) / "stat").write_text(f"{pid} (shim) S 1 {pid} {pid} {rest} 1")
        self._holdings.append(Holding(shim, self.takes(assignment), self.clock.now()))
        return shim

    def _load(self, shim: FakeShim) -> None:
        shim.ready_at = self.clock.now() + LOAD_S
        # What a real engine says of itself is its main memory.
        shim.health_now = FakeHealth(load=FakeLoad(memory_bytes=3 * GIB))

    def _on(self, uuid: str) -> Iterator[Holding]:
        return (each for each in self._holdings if uuid in each.shim.devices)

    def _ours(self, uuid: str) -> int:
        return sum(each.now(self.clock.now()) for each in self._on(uuid))

    def _promised(self, uuid: str) -> int:
        """What those that live there hold, or will."""
        return sum(each.size for each in self._on(uuid) if each.is_there)

    def _device(self, gpu: Device) -> Device:
        now, foreign = self.clock.now(), self.programs.get(gpu.uuid, 0)
        used = min(foreign + self._ours(gpu.uuid), gpu.memory_total)
        processes = [
            DeviceProcess(each.shim.identity.pid, "python", each.now(now))
            for each in self._on(gpu.uuid)
            if each.now(now)
        ]
        game = [DeviceProcess(4242, "game", foreign)] if foreign else []
        shown = () if gpu.hides_processes else (*processes, *game)
        return replace(gpu, memory_used=used, processes=shown)
