"""What another plan means to people: from two plans to events. Decides only."""

from __future__ import annotations

from collections.abc import Iterator

from xinf.core.events import Event, Severity
from xinf.core.placement import Obstacle, PlacementPlan, ReplicaAssignment, Unplaced

# How the loss of a place is called, for those who lost it to somebody; who is left without one for
# another reason is unplaced.
_LOST = {Obstacle.YIELDED: "plan.yield", Obstacle.EVICTED: "plan.evict"}
# Nothing has happened to a model that was never asked for, or that is still being looked at.
_QUIET = frozenset({Obstacle.ON_DEMAND, Obstacle.UNKNOWN_SIZE})
_WARNED = frozenset({"plan.yield", "plan.unplaced"})


def plan_events(before: PlacementPlan, after: PlacementPlan, at: float) -> Iterator[Event]:
    """Who lost a place, got one, got it back or moved. Wording alone is no event."""
    seated = {entry.replica: entry for entry in before.assignments}
    waiting = {entry.replica: entry for entry in before.unplaced}
    for left in after.unplaced:
        kind = _left(seated.get(left.replica), waiting.get(left.replica), left)
        if kind:
            severity = Severity.WARNING if kind in _WARNED else Severity.INFO
            yield Event(at, kind, left.replica, left.reason, left.model, severity)
    for entry in after.assignments:
        kind = _seated(seated.get(entry.replica), waiting.get(entry.replica), entry)
        if kind:
            yield Event(at, kind, entry.replica, entry.why, entry.model)


def _left(seat: ReplicaAssignment | None, waited: Unplaced | None, now: Unplaced) -> str:
    if now.obstacle in _QUIET and seat is None:
        return ""
    if seat is not None:
        return _LOST.get(now.obstacle, "plan.unplaced")
    is_news = waited is None or waited.obstacle is not now.obstacle
    return "plan.unplaced" if is_news else ""


def _seated(seat: ReplicaAssignment | None, waited: Unplaced | None, now: ReplicaAssignment) -> str:
    if seat is not None:
        is_less = now.shortens(seat.context)
        return "plan.move" if seat.devices != now.devices else "plan.resize" if is_less else ""
    return "plan.return" if waited is not None and waited.obstacle in _LOST else "plan.place"
