"""What happened, in numbers. Times are seconds, shares from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from scripts.simulator.scenario import Scenario
from scripts.simulator.tally import EVICTED, MOVED, YIELDED, End, Outcome, Span, Tally
from xinf.core.events import Event
from xinf.core.nodes import Device

ALL = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """One model, or all of them. `waiting` are those that were still there at the very end; who was
    being answered then counts as served.

    Waits count whoever was served or gave up, None = nobody. The longest one counts those that
    still wait as well.
    """

    model: str
    requests: int
    served: int
    gave_up: int
    waiting: int
    wait_p50_s: float | None
    wait_p99_s: float | None
    wait_longest_s: float
    loads: int
    swaps: int
    wasted: int
    evicted: int
    yielded: int
    moved: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One device. `busy` is the share of time in which something on it answered, `held` the mean
    share of its memory that our engines held.
    """

    device: Device
    busy: float
    held: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    strategy: str
    seed: int
    ended_at: float
    plans: int
    rows: tuple[Row, ...]
    total: Row
    lanes: tuple[Lane, ...]
    events: tuple[Event, ...]

    @property
    def unserved(self) -> int:
        return self.total.gave_up + self.total.waiting

    def as_json(self) -> Mapping[str, object]:
        """Documented in docs/scheduling.md."""
        return {
            "scenario": self.title,
            "strategy": self.strategy,
            "seed": self.seed,
            "ended_at": self.ended_at,
            "plans": self.plans,
            "models": [asdict(row) for row in self.rows],
            "all": asdict(self.total),
            "devices": [_lane_json(lane) for lane in self.lanes],
            "events": [
                {"at": each.at, "kind": each.kind, "subject": each.subject, "reason": each.message}
                for each in self.events
            ],
        }


def report(scenario: Scenario, tally: Tally) -> Report:
    by_model: dict[str, list[Outcome]] = {model.name: [] for model in scenario.models}
    for outcome in tally.outcomes.values():
        by_model[outcome.request.model].append(outcome)
    return Report(
        title=scenario.title,
        strategy=scenario.policy.strategy,
        seed=scenario.seed,
        ended_at=tally.ended_at,
        plans=tally.plans,
        rows=tuple(_row(name, found, tally, (name,)) for name, found in by_model.items()),
        total=_row(ALL, list(tally.outcomes.values()), tally, tuple(by_model)),
        lanes=tuple(_lane(device, tally) for device in scenario.devices),
        events=tuple(tally.events),
    )


def percentile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that so large a share does not exceed; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _row(name: str, found: Sequence[Outcome], tally: Tally, models: Sequence[str]) -> Row:
    ends = [outcome.end for outcome in found]
    waits = [each.waited_s for each in found if each.end is not End.WAITING]

    def changes(kind: str) -> int:
        return sum(tally.changes[kind, model] for model in models)

    return Row(
        model=name,
        requests=len(found),
        served=ends.count(End.SERVED) + ends.count(End.RUNNING),
        gave_up=ends.count(End.GAVE_UP),
        waiting=ends.count(End.WAITING),
        wait_p50_s=percentile(waits, 0.5),
        wait_p99_s=percentile(waits, 0.99),
        wait_longest_s=max((each.waited_s for each in found), default=0.0),
        loads=sum(tally.loads[model] for model in models),
        swaps=sum(tally.swaps[model] for model in models),
        wasted=sum(tally.wasted[model] for model in models),
        evicted=changes(EVICTED),
        yielded=changes(YIELDED),
        moved=changes(MOVED),
    )


def _lane(device: Device, tally: Tally) -> Lane:
    spans = tuple(tally.spans.get(device.uuid, ()))
    time = tally.ended_at or 1.0
    return Lane(
        device, tally.busy_s.get(device.uuid, 0.0) / time, _held(device, spans, time), spans
    )


def _held(device: Device, spans: Sequence[Span], end: float) -> float:
    total = 0.0
    for span, until in zip(spans, [*(each.at for each in spans[1:]), end], strict=True):
        ours = sum(held.memory_bytes for held in span.held if not held.is_program)
        total += ours * (until - span.at)
    return total / end / max(device.memory_total, 1)


def _lane_json(lane: Lane) -> Mapping[str, object]:
    return {
        "id": lane.device.id,
        "uuid": lane.device.uuid,
        "name": lane.device.name,
        "memory_total": lane.device.memory_total,
        "busy": lane.busy,
        "held": lane.held,
        "memory": [asdict(span) for span in lane.spans],
    }
