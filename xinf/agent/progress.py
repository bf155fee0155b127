"""How far a start is: steps become progress with an estimate of what is left."""

from __future__ import annotations

from xinf.agent.ports import Ports
from xinf.core.placement import ReplicaAssignment
from xinf.core.progress import Pace, Progress, Step

# Each telling is a write to the store; people cannot read faster.
TELL_EVERY_S = 0.25


class ProgressMeter:
    """For one start. Only the newest step counts."""

    def __init__(self, assignment: ReplicaAssignment, ports: Ports) -> None:
        self._assignment = assignment
        self._ports = ports
        self._pace = Pace()
        self._what: str | None = None
        self._told_at = float("-inf")

    def report(self, step: Step) -> None:
        now = self._ports.clock.now()
        eta_s = self._pace.eta_s(step, now)
        is_new, self._what = step.what != self._what, step.what
        if not is_new and now - self._told_at < TELL_EVERY_S:
            return
        self._told_at = now
        progress = Progress(self._assignment.replica, self._assignment.model, step, eta_s)
        self._ports.tell_progress(self._assignment.replica, progress)
