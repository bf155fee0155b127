"""One engine's life from its start to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.simulator.scenario import Served
from xinf.core.engines import RunningEngine
from xinf.core.placement import ReplicaAssignment
from xinf.core.states import LEAVING, LIVE, EngineState
from xinf.scheduler.snapshot import EngineView

# The router has a session with it.
_CONNECTED = frozenset({EngineState.READY, EngineState.DRAINING})


@dataclass(slots=True, eq=False)
class Engine:
    """`is_stop_asked` = it goes as soon as it is its turn, and serves until then."""

    assignment: ReplicaAssignment
    model: Served
    since: float
    state: EngineState = EngineState.PROVISIONING
    inflight: set[int] = field(default_factory=set[int])
    last_used: float = 0.0
    is_stop_asked: bool = False
    is_done: bool = False

    @property
    def replica(self) -> str:
        return self.assignment.replica

    @property
    def devices(self) -> tuple[str, ...]:
        return self.assignment.devices

    @property
    def held(self) -> int:
        """Bytes on each of its devices: all of its promise as long as it has a process."""
        return self.assignment.memory_bytes if self.state in LIVE and not self.is_done else 0

    @property
    def is_connected(self) -> bool:
        return self.state in _CONNECTED and not self.is_done

    @property
    def has_place(self) -> bool:
        """Whether it takes another request now."""
        is_open = self.state is EngineState.READY and not self.is_done
        return is_open and len(self.inflight) < self.model.parallel

    @property
    def is_leaving(self) -> bool:
        return self.is_stop_asked or self.state in LEAVING

    def move(self, state: EngineState, now: float) -> None:
        self.state, self.since = state, now

    def view(self) -> EngineView:
        """As a plan sees it."""
        memory: Mapping[str, int] = dict.fromkeys(self.devices, self.held) if self.held else {}
        return EngineView(
            replica=self.replica,
            state=self.state,
            devices=self.devices,
            fingerprint=self.assignment.fingerprint,
            memory=memory,
            is_busy=bool(self.inflight),
            last_used=max(self.last_used, self.since),
            since=self.since,
            context=self.assignment.context,
        )

    def record(self) -> RunningEngine:
        """As its agent sees it."""
        return RunningEngine(
            replica=self.replica,
            model=self.assignment.model,
            node=self.assignment.node,
            state=self.state,
            reason="",
            since=self.since,
            engine="",
            runtime="",
            fingerprint=self.assignment.fingerprint,
            devices=self.devices,
            planned_context=self.assignment.context,
        )
