"""Who holds what on each device: our engines as they were seen, and what is left to others.

A plan claims for each replica what its engine really holds once it serves, and until then what it
was promised. Everything else that a device has lost is foreign: a desktop, a game, another server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xinf.core.ledger import Foreign
from xinf.core.nodes import Device
from xinf.core.placement import ReplicaAssignment
from xinf.core.states import LIVE, EngineState
from xinf.core.units import MIB
from xinf.scheduler.snapshot import ClusterSnapshot, EngineView

# What others hold wavers all the time; less than this is no news (the store's own step, too).
STEP_BYTES = 64 * MIB
# What the process of a simulated engine takes, whatever memory it pretends to hold.
SIMULATED_BYTES = 64 * MIB

# Its memory is there to stay, so that what is seen of it is all of it.
_SETTLED = frozenset({EngineState.READY, EngineState.ASLEEP})


def claim(assignment: ReplicaAssignment, device: Device, engine: EngineView | None) -> int:
    """Bytes that a replica counts for on one of its devices.

    A serving engine counts what it was seen to hold, one that is starting the larger of that and
    its promise. Main memory is filled little by little as requests come, so there the promise
    counts for as long as it is the larger.
    """
    if engine is None or engine.state not in LIVE or not is_of(engine, assignment):
        return assignment.memory_bytes
    seen = engine.memory.get(device.uuid, 0)
    if seen and engine.state is EngineState.READY and device.kind != "cpu":
        return seen
    return max(assignment.memory_bytes, seen)


def is_of(engine: EngineView, assignment: ReplicaAssignment) -> bool:
    """Whether an engine is the one that an assignment means, and not one that is to be replaced."""
    is_same = not engine.fingerprint or engine.fingerprint == assignment.fingerprint
    is_there = engine.devices == assignment.devices and not assignment.shortens(engine.context)
    return is_same and is_there


def foreign(snapshot: ClusterSnapshot) -> Mapping[str, int]:
    """What others hold on each device now, by UUID: the `foreign_before` of the next snapshot."""
    return judge_foreign(snapshot).held


def judge_foreign(snapshot: ClusterSnapshot) -> Foreign:
    """What others hold on each device now, and where that is only inferred.

    Where a device tells its processes, it is all that is used but not by ours. Elsewhere it is what
    is used beyond what our engines hold, which cannot be judged while one of them comes or goes.
    """
    devices = {device.uuid: device for node in snapshot.nodes for device in node.devices}
    promised = {entry.replica: entry for entry in snapshot.current.assignments}
    here = _engines_by_device(snapshot.engines)
    held: dict[str, int] = {}
    inferred: set[str] = set()
    for uuid, device in devices.items():
        look = _Look(device, tuple(here.get(uuid, ())), promised, snapshot)
        if not look.is_told:
            inferred.add(uuid)
        held[uuid] = look.foreign()
    return Foreign(held, frozenset(inferred))


class _Look:
    """One device, the living engines on it, and what others were last known to hold there."""

    def __init__(
        self,
        device: Device,
        engines: tuple[EngineView, ...],
        promised: Mapping[str, ReplicaAssignment],
        snapshot: ClusterSnapshot,
    ) -> None:
        self._device = device
        self._real = tuple(engine for engine in engines if not engine.is_simulated)
        self._simulated = len(engines) - len(self._real)
        self._promised = promised
        self._before = snapshot.foreign_before.get(device.uuid)
        self._is_settled = device.uuid not in snapshot.unsettled
        self.is_told = self._tells_ours()

    def foreign(self) -> int:
        judged = self._told() if self.is_told else self._inferred()
        judged = max(0, min(judged, self._device.memory_total))
        is_news = self._before is None or abs(judged - self._before) >= STEP_BYTES
        return judged if is_news else self._before or 0

    def _tells_ours(self) -> bool:
        """Whether every engine that must be among the device's processes is, with its memory."""
        if self._device.hides_processes or self._device.kind == "cpu":
            return False
        seen = {process.owner: process.memory_bytes for process in self._device.processes}
        if any(owner and not size for owner, size in seen.items()):
            return False
        return all(engine.replica in seen for engine in self._real if engine.state in _SETTLED)

    def _told(self) -> int:
        """A process of ours may show before it is known whose it is: an engine that is coming or
        going may be behind any growth up to what it was promised.
        """
        own = self._own_processes()
        judged = self._device.memory_used - sum(own.values())
        unseen = sum(
            max(self._promise(engine) - own.get(engine.replica, 0), 0) for engine in self._moving()
        )
        before = 0 if self._before is None else self._before
        return min(judged, max(before, judged - unseen))

    def _inferred(self) -> int:
        if self._before is not None and (self._moving() or not self._is_settled):
            return self._before
        uuid = self._device.uuid
        ours = sum(engine.memory.get(uuid, 0) or self._promise(engine) for engine in self._real)
        processes = self._simulated * SIMULATED_BYTES if self._device.kind == "cpu" else 0
        return self._device.memory_used - ours - processes

    def _moving(self) -> list[EngineView]:
        """Those whose memory comes or goes; whoever has no such place any more is about to go."""
        return [
            engine
            for engine in self._real
            if engine.state not in _SETTLED
            or engine.replica not in self._promised
            or not is_of(engine, self._promised[engine.replica])
        ]

    def _promise(self, engine: EngineView) -> int:
        entry = self._promised.get(engine.replica)
        return 0 if entry is None else entry.memory_bytes

    def _own_processes(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for process in self._device.processes:
            if process.owner:
                sizes[process.owner] = sizes.get(process.owner, 0) + process.memory_bytes
        return sizes


def _engines_by_device(engines: Iterable[EngineView]) -> dict[str, list[EngineView]]:
    here: dict[str, list[EngineView]] = {}
    for engine in engines:
        if engine.state in LIVE:
            for uuid in engine.devices:
                here.setdefault(uuid, []).append(engine)
    return here
