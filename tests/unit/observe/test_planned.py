from dataclasses import replace

import pytest

from xinf.core.events import Severity
from xinf.core.placement import (
    EngineConfig,
    Obstacle,
    PlacementPlan,
    ReplicaAssignment,
    Unplaced,
)
from xinf.observe.planned import plan_events

CONFIG = EngineConfig("sim", "sim", "", ("a",))


def seat(device: str = "GPU-1", why: str = "fits", memory: int = 1) -> PlacementPlan:
    entry = ReplicaAssignment("a/0", "a", "here", (device,), memory, CONFIG, "f", why)
    return PlacementPlan(assignments=(entry,))


def with_context(tokens: int) -> PlacementPlan:
    return PlacementPlan(assignments=(replace(seat().assignments[0], context=tokens),))


def none(obstacle: Obstacle, reason: str = "no room") -> PlacementPlan:
    return PlacementPlan(unplaced=(Unplaced("a/0", "a", 1, 1, reason, obstacle),))


NOTHING = PlacementPlan()
WARN, INFO = Severity.WARNING, Severity.INFO


@pytest.mark.parametrize(
    ("before", "after", "kind", "severity"),
    [
        (NOTHING, seat(), "plan.place", INFO),
        (none(Obstacle.NO_ROOM), seat(), "plan.place", INFO),
        (none(Obstacle.YIELDED), seat(), "plan.return", INFO),
        (none(Obstacle.EVICTED), seat(), "plan.return", INFO),
        (seat("GPU-1"), seat("GPU-2"), "plan.move", INFO),
        (with_context(8192), with_context(4096), "plan.resize", INFO),
        (seat(), none(Obstacle.YIELDED), "plan.yield", WARN),
        (seat(), none(Obstacle.EVICTED), "plan.evict", INFO),
        (seat(), none(Obstacle.NO_DEVICE), "plan.unplaced", WARN),
        (NOTHING, none(Obstacle.NO_ROOM), "plan.unplaced", WARN),
        (none(Obstacle.YIELDED), none(Obstacle.TOO_LARGE), "plan.unplaced", WARN),
    ],
)
def test_what_becomes_of_a_replica_is_one_event(
    before: PlacementPlan, after: PlacementPlan, kind: str, severity: Severity
) -> None:
    (event,) = plan_events(before, after, 7.0)
    assert (event.kind, event.severity, event.at) == (kind, severity, 7.0)
    assert (event.subject, event.model) == ("a/0", "a")
    assert event.message in ("fits", "no room")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (seat(why="fits"), seat(why="fits better", memory=2)),
        (none(Obstacle.NO_ROOM, "short by 2 GiB"), none(Obstacle.NO_ROOM, "short by 1 GiB")),
        (NOTHING, none(Obstacle.ON_DEMAND)),
        (NOTHING, none(Obstacle.UNKNOWN_SIZE)),
        (seat(), NOTHING),
    ],
)
def test_other_words_and_what_nobody_asked_for_are_no_events(
    before: PlacementPlan, after: PlacementPlan
) -> None:
    assert list(plan_events(before, after, 7.0)) == []
