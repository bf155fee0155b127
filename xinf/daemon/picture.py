"""From the store's records to what a plan is made of.

Everything that a plan may depend on is put into one frozen snapshot, so that a plan that is only
asked about (`xinf plan`) and the one that is put into force are made in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from xinf.core.clock import Clock
from xinf.core.engines import RunningEngine
from xinf.core.errors import XinfError
from xinf.core.fingerprint import fingerprint
from xinf.core.json import JsonValue
from xinf.core.models import ModelIntent, ModelSpec, SimSpec
from xinf.core.nodes import NodeStatus
from xinf.core.placement import EngineConfig, PlacementPlan
from xinf.meta.mirror import Mirror
from xinf.meta.records import Records
from xinf.protocol.version import PROTOCOL_VERSION
from xinf.registry.resolve import Resolved, defaults_of, resolve
from xinf.scheduler.snapshot import ClusterSnapshot, Demand, EngineView, WantedModel


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


@dataclass(frozen=True, slots=True)
class Ways:
    """What the settings say about running models.

    `engine_defaults` are settings per engine, which a model's own `engine_args` override.
    """

    engine_defaults: Mapping[str, Mapping[str, JsonValue]] = field(
        default_factory=dict[str, Mapping[str, JsonValue]]
    )


class Picture:
    """Keeps copies of the records in memory. `mirrors` need to run."""

    def __init__(self, records: Records, ways: Ways, traffic: Traffic, clock: Clock) -> None:
        self._ways = ways
        self._traffic = traffic
        self._clock = clock
        self.models = records.models.mirror()
        self.nodes = records.nodes.mirror()
        self.engines = records.engines.mirror()

    @property
    def mirrors(self) -> tuple[Mirror[Any], ...]:
        return (self.models, self.nodes, self.engines)

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
    ) -> ClusterSnapshot:
        """Everything as it is now, or as it would be with other `intents`."""
        nodes = tuple(self.nodes.items.values())
        wishes = self.models.items if intents is None else intents
        return ClusterSnapshot(
            nodes=nodes,
            wanted=tuple(self._wanted(nodes, wishes)),
            current=current,
            engines=tuple(self._engines()),
            foreign_before=foreign_before or {},
            now=self._clock.now(),
        )

    def _wanted(
        self, nodes: Sequence[NodeStatus], intents: Mapping[str, ModelIntent]
    ) -> Iterator[WantedModel]:
        kinds = frozenset(device.kind for node in nodes for device in node.devices)
        for name, intent in sorted(intents.items()):
            if intent.is_wanted:
                yield wanted_model(name, intent, kinds, self._ways.engine_defaults)

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
        is_busy=use.is_busy,
        last_used=use.last_used,
        since=since,
        is_simulated=engine.engine == "sim",
    )


def wanted_model(
    name: str,
    intent: ModelIntent,
    device_kinds: frozenset[str],
    engine_defaults: Mapping[str, Mapping[str, JsonValue]],
) -> WantedModel:
    """What the scheduler needs to know of a model, or why nothing can be known."""
    spec = intent.spec
    assert spec is not None
    try:
        resolved = resolve(spec, device_kinds, engine_defaults)
    except XinfError as error:
        return WantedModel(name, spec.replicas, spec.priority, problem=str(error))
    defaults = defaults_of(resolved.engine, resolved.device_kind, engine_defaults)
    config = engine_config(spec, resolved, defaults)
    return WantedModel(
        name=name,
        replicas=spec.replicas,
        priority=spec.priority,
        device_kind=resolved.device_kind,
        memory_bytes=resolved.memory_bytes,
        config=config,
        fingerprint=fingerprint(config, revision=resolved.revision, protocol=PROTOCOL_VERSION),
    )


def engine_config(
    spec: ModelSpec, resolved: Resolved, defaults: Mapping[str, JsonValue]
) -> EngineConfig:
    """What the engine of `spec` will be told."""
    behaviour = asdict(spec.sim or SimSpec()) if resolved.engine == "sim" else {}
    args = {**defaults, **behaviour, **spec.engine_args}
    if resolved.engine == "llamacpp":
        args.pop("context", None)  # resolved, and told by its own name
    return EngineConfig(
        engine=resolved.engine,
        runtime=resolved.runtime,
        source=resolved.source,
        served_names=(spec.name, *spec.aliases),
        context=resolved.context,
        dtype=spec.dtype,
        args=args,
        env=dict(spec.env),
    )
