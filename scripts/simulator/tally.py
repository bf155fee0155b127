"""What happened, noted while it happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from scripts.simulator.arrivals import Request
from scripts.simulator.engines import Engine
from xinf.core.events import Event
from xinf.core.placement import PlacementPlan
from xinf.core.states import EngineState
from xinf.observe.planned import plan_events

EVICTED, YIELDED, MOVED = "plan.evict", "plan.yield", "plan.move"
_ENTERED = frozenset({"plan.place", "plan.return", MOVED})


class End(StrEnum):
    """How a request was left."""

    WAITING = "waiting"
    RUNNING = "running"
    SERVED = "served"
    GAVE_UP = "gave up"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`waited_s` is until it got its place, gave up, or everything ended."""

    request: Request
    end: End = End.WAITING
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """What somebody holds of a device. `is_moving` = it is being loaded, or about to go."""

    name: str
    memory_bytes: int
    is_program: bool = False
    is_moving: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A device from `at` on, until its next span."""

    at: float
    held: tuple[Held, ...] = ()


@dataclass(slots=True)
class Tally:
    """By model where it counts; `busy_s` and `spans` are by the UUID of the device.

    `loads` are starts of engines, `swaps` those of them for which others had to leave, and `wasted`
    those that were ended before they were ready.
    """

    outcomes: dict[int, Outcome] = field(default_factory=dict[int, Outcome])
    loads: Counter[str] = field(default_factory=Counter[str])
    swaps: Counter[str] = field(default_factory=Counter[str])
    wasted: Counter[str] = field(default_factory=Counter[str])
    changes: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    events: list[Event] = field(default_factory=list[Event])
    busy_s: dict[str, float] = field(default_factory=dict[str, float])
    spans: dict[str, list[Span]] = field(default_factory=dict[str, list[Span]])
    plans: int = 0
    ended_at: float = 0.0

    def arrived(self, request: Request) -> None:
        self.outcomes[request.number] = Outcome(request)

    def became(self, request: Request, end: End, now: float) -> None:
        before = self.outcomes[request.number]
        is_first = before.end is End.WAITING
        waited_s = now - request.at if is_first else before.waited_s
        self.outcomes[request.number] = replace(before, end=end, waited_s=waited_s)

    def planned(self, before: PlacementPlan, after: PlacementPlan, now: float) -> None:
        self.plans += 1
        if after == before:
            return
        events = tuple(plan_events(before, after, now))
        self.events.extend(events)
        self.changes.update((event.kind, event.model) for event in events)
        self.swaps.update(_swaps(before, after, events))

    def passed(self, engines: Sequence[Engine], seconds: float) -> None:
        """So much time has gone by in which `engines` were as they are."""
        busy = {uuid for engine in engines if engine.inflight for uuid in engine.devices}
        for uuid in busy:
            self.busy_s[uuid] = self.busy_s.get(uuid, 0.0) + seconds

    def seen(self, uuid: str, held: tuple[Held, ...], now: float) -> None:
        spans = self.spans.setdefault(uuid, [])
        if spans and spans[-1].at == now:
            spans.pop()
        if not spans or spans[-1].held != held:
            spans.append(Span(now, held))


def holdings(uuid: str, engines: Iterable[Engine]) -> Iterator[Held]:
    """What engines hold of a device, by model."""
    for engine in sorted(engines, key=lambda each: each.replica):
        if engine.held and uuid in engine.devices:
            is_moving = engine.is_leaving or engine.state is not EngineState.READY
            yield Held(engine.model.name, engine.held, is_moving=is_moving)


def _swaps(before: PlacementPlan, after: PlacementPlan, events: Iterable[Event]) -> Iterator[str]:
    """Models that got a device which somebody had to leave in the same plan."""
    events = tuple(events)
    then, now = _places(before), _places(after)
    left = {
        uuid for event in events if event.kind == EVICTED for uuid in then.get(event.subject, ())
    }
    for event in events:
        if event.kind in _ENTERED and left & set(now.get(event.subject, ())):
            yield event.model


def _places(plan: PlacementPlan) -> Mapping[str, tuple[str, ...]]:
    return {entry.replica: entry.devices for entry in plan.assignments}
