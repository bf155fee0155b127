"""What a new plan means for each replica, as sentences of the event log. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from xinf.core.events import Event, Severity
from xinf.core.placement import (
    FOR_OTHERS,
    Obstacle,
    PlacementPlan,
    ReplicaAssignment,
    Unplaced,
)

# These are as their owner wishes them to be.
_EXPECTED = frozenset({Obstacle.ON_DEMAND, Obstacle.UNKNOWN_SIZE})
_KINDS = {Obstacle.EVICTED: "plan.evict", Obstacle.YIELDED: "plan.yield"}


def describe(before: PlacementPlan, after: PlacementPlan, at: float) -> tuple[Event, ...]:
    """The news of `after` for who knows `before`; `at` is wall seconds.

    Who has found a place or lost it, in the order of replicas. What stays, restarts where it is or
    is not wanted any more is no news of the plan's.
    """
    held = {entry.replica: entry for entry in before.assignments}
    waiting = {entry.replica: entry for entry in before.unplaced}
    found = [
        *_placements(after, held, waiting, at),
        *_refusals(after, held, waiting, at),
    ]
    return tuple(sorted(found, key=lambda event: event.subject))


def _placements(
    after: PlacementPlan,
    held: dict[str, ReplicaAssignment],
    waiting: dict[str, Unplaced],
    at: float,
) -> Iterator[Event]:
    for entry in after.assignments:
        name, earlier = entry.replica, held.get(entry.replica)
        if earlier is not None:
            if earlier.devices != entry.devices:
                yield Event(at, "plan.move", name, f"{name} {entry.why}", entry.model)
        elif name in waiting and waiting[name].obstacle in FOR_OTHERS:
            yield Event(at, "plan.return", name, f"{name} comes back: {entry.why}", entry.model)
        else:
            yield Event(at, "plan.place", name, f"{name} gets a place: {entry.why}", entry.model)


def _refusals(
    after: PlacementPlan,
    held: dict[str, ReplicaAssignment],
    waiting: dict[str, Unplaced],
    at: float,
) -> Iterator[Event]:
    for entry in after.unplaced:
        name, earlier = entry.replica, waiting.get(entry.replica)
        if name in held and entry.obstacle in _KINDS:
            is_yield = entry.obstacle is Obstacle.YIELDED
            severity = Severity.WARNING if is_yield else Severity.INFO
            message = f"{name} {entry.cause}"
            yield Event(at, _KINDS[entry.obstacle], name, message, entry.model, severity)
        elif earlier is not None and earlier.obstacle is entry.obstacle:
            continue
        elif name in held or entry.obstacle not in _EXPECTED:
            message = f"{name} has no place: {entry.reason}"
            yield Event(at, "plan.unplaced", name, message, entry.model, Severity.WARNING)
