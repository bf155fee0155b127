"""How far a start is: steps become progress with an estimate of what is left."""

from __future__ import annotations

from xinf.agent.ports import Ports
from xinf.core.placement import ReplicaAssignment
from xinf.core.progress import Progress, Step

# Each telling is a write to the store; people cannot read faster.
TELL_EVERY_S = 0.25


class ProgressMeter:
    """For one start. Only the newest step counts; a new `what` begins a new estimate."""

    def __init__(self, assignment: ReplicaAssignment, ports: Ports) -> None:
        self._assignment = assignment
        self._ports = ports
        self._first: Step | None = None
        self._first_at = 0.0
        self._told_at = float("-inf")

    def report(self, step: Step) -> None:
        now = self._ports.clock.now()
        is_new = self._first is None or self._first.what != step.what
        if self._first is None or is_new:
            self._first, self._first_at = step, now
        if not is_new and now - self._told_at < TELL_EVERY_S:
            return
        self._told_at = now
        eta_s = _eta_s(self._first, step, now - self._first_at)
        progress = Progress(self._assignment.replica, self._assignment.model, step, eta_s)
        self._ports.tell_progress(self._assignment.replica, progress)


def _eta_s(first: Step, last: Step, elapsed_s: float) -> float | None:
    """Seconds left at the mean pace since `first`; None while there is no pace."""
    gained = last.done - first.done
    if gained <= 0 or elapsed_s <= 0 or last.total <= 0:
        return None
    return max(last.total - last.done, 0.0) * elapsed_s / gained
