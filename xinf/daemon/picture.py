"""From the store's records to what a plan is made of.

Everything that a plan may depend on is put into one frozen snapshot, so that a plan that is only
asked about (`xinf plan`) and the one that is put into force are made in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from xinf.core.clock import Clock
from xinf.core.engines import RunningEngine
from xinf.core.facts import ModelFacts
from xinf.core.footprints import by_fingerprint
from xinf.core.json import JsonValue
from xinf.core.models import ModelIntent
from xinf.core.nodes import Device, NodeStatus
from xinf.core.placement import PlacementPlan
from xinf.core.workload import Verdict, Workload
from xinf.daemon.remembering import Remembering
from xinf.daemon.wanted import Defaults, Footprints, Judge, Known
from xinf.meta.mirror import Mirror
from xinf.meta.records import Records
from xinf.scheduler.snapshot import ClusterSnapshot, Demand, EngineView


@dataclass(frozen=True, slots=True)
class Use:
    """Whether requests are at a replica now, and when the last one was; monotonic seconds."""

    is_busy: bool
    last_used: float


class Traffic(Protocol):
    """What requests do: read from memory, at once."""

    def uses(self) -> Mapping[str, Use]:
        """By replica; one that is missing was never used."""
        ...

    def demand(self) -> Mapping[str, Demand]:
        """By model, for those that requests wait for."""
        ...


class NoTraffic:
    """Where nobody can ask: without doors, and in a plan that is only asked about."""

    def uses(self) -> Mapping[str, Use]:
        return {}

    def demand(self) -> Mapping[str, Demand]:
        return {}


# Judges workloads on so many devices; may read a few small files. Gives the same judge again as
# long as its verdicts would be the same.
Bench = Callable[[Sequence[Device]], Judge]


def _judge_nothing(_: Workload) -> Mapping[str, Verdict]:
    return {}


def _no_bench(_: Sequence[Device]) -> Judge:
    return _judge_nothing


@dataclass(frozen=True, slots=True)
class Ways:
    """What the settings say about running models.

    `engine_defaults` are settings per engine, which a model's own `engine_args` override; `bench`
    knows the rules of what runs where.
    """

    engine_defaults: Defaults = field(default_factory=dict[str, Mapping[str, JsonValue]])
    bench: Bench = _no_bench


class Picture:
    """Keeps copies of the records in memory. `mirrors` need to run."""

    def __init__(self, records: Records, ways: Ways, traffic: Traffic, clock: Clock) -> None:
        self._ways = ways
        self._traffic = traffic
        self._clock = clock
        self.models = records.models.mirror()
        self.nodes = records.nodes.mirror()
        self.engines = records.engines.mirror()
        self.facts = records.facts.mirror()
        self.footprints = records.footprints.mirror()
        self._remembering = Remembering()
        self._measured: tuple[object, Footprints] = (None, {})
        # Of every device that was ever there: one that is lost is still what models are meant for.
        self._kinds: Mapping[str, str] = {}

    @property
    def mirrors(self) -> tuple[Mirror[Any], ...]:
        return (self.models, self.nodes, self.engines, self.facts, self.footprints)

    async def synced(self) -> None:
        for mirror in self.mirrors:
            await mirror.synced()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called after each change of what a plan depends on."""
        for mirror in self.mirrors:
            mirror.subscribe(callback)

    def snapshot(
        self,
        current: PlacementPlan,
        intents: Mapping[str, ModelIntent] | None = None,
        foreign_before: Mapping[str, int] | None = None,
        facts: Mapping[str, ModelFacts] | None = None,
    ) -> ClusterSnapshot:
        """Everything as it is now, or as it would be with other `intents`, and with `facts` of
        files that nobody wants yet.
        """
        nodes = tuple(self.nodes.items.values())
        known = self._known(nodes, self.facts.items if facts is None else facts)
        is_asked = intents is not None or facts is not None
        # A plan that is only asked about must not make the next one work out everything again.
        remembering = Remembering() if is_asked else self._remembering
        return ClusterSnapshot(
            nodes=nodes,
            wanted=remembering.wanted(self.models.items if intents is None else intents, known),
            current=current,
            engines=tuple(self._engines()),
            foreign_before=foreign_before or {},
            now=self._clock.now(),
        )

    def _known(self, nodes: Sequence[NodeStatus], facts: Mapping[str, ModelFacts]) -> Known:
        devices = [device for node in nodes for device in node.devices]
        self._kinds = {**self._kinds, **{device.uuid: device.kind for device in devices}}
        lost = (self._kinds.get(uuid) for node in nodes for uuid in node.lost)
        return Known(
            device_kinds=frozenset((*(device.kind for device in devices), *filter(None, lost))),
            engine_defaults=self._ways.engine_defaults,
            facts=facts,
            footprints=self._footprints(),
            judge=self._ways.bench(devices),
            demand=self._traffic.demand(),
        )

    def _footprints(self) -> Footprints:
        """By fingerprint; the same value for as long as no measurement came in."""
        items = self.footprints.items
        if self._measured[0] is not items:
            self._measured = items, by_fingerprint(items.values())
        return self._measured[1]

    def _engines(self) -> Iterator[EngineView]:
        uses = self._traffic.uses()
        # Records tell the time of day, plans reckon with a clock that nobody sets.
        offset = self._clock.now() - self._clock.wall()
        for engine in self.engines.items.values():
            since = engine.since + offset
            yield _engine_view(engine, uses.get(engine.replica, Use(False, since)), since)


def _engine_view(engine: RunningEngine, use: Use, since: float) -> EngineView:
    return EngineView(
        replica=engine.replica,
        state=engine.state,
        devices=engine.devices,
        fingerprint=engine.fingerprint,
        memory=engine.memory,
        is_busy=use.is_busy,
        last_used=use.last_used,
        since=since,
        is_simulated=engine.engine == "sim",
        context=engine.planned_context,
    )
