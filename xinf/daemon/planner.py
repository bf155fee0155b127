"""The plan loop: store to snapshot to plan to store.

Whenever a wish or a machine changes, the whole picture is read, `scheduler.plan` decides, and the
difference to what stands in the store is written as one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from xinf.agent.wake import Wake
from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.core.fingerprint import fingerprint
from xinf.core.json import JsonValue
from xinf.core.models import ModelIntent, ModelSpec, SimSpec
from xinf.core.nodes import NodeStatus
from xinf.core.placement import EngineConfig, PlacementPlan, ReplicaAssignment
from xinf.meta.mirror import Mirror
from xinf.meta.records import CURRENT_PLAN, Records
from xinf.meta.store import Delete, Operation
from xinf.protocol.version import PROTOCOL_VERSION
from xinf.registry.resolve import Resolved, defaults_of, resolve
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, PlanPolicy, WantedModel

log = logging.getLogger("xinf.plan")

RESYNC_S = 5.0


class Planner:
    """`engine_defaults` are settings per engine, which a model's own `engine_args` override."""

    def __init__(
        self,
        records: Records,
        policy: PlanPolicy,
        engine_defaults: Mapping[str, Mapping[str, JsonValue]],
        clock: Clock,
    ) -> None:
        self._records = records
        self._policy = policy
        self._engine_defaults = engine_defaults
        self._wake = Wake(clock)
        self.models = records.models.mirror()
        self.nodes = records.nodes.mirror()
        self.models.subscribe(self._wake.ring)
        self.nodes.subscribe(self._wake.ring)

    @property
    def mirrors(self) -> tuple[Mirror[ModelIntent], Mirror[NodeStatus]]:
        return (self.models, self.nodes)

    async def run(self) -> None:
        """Plan for ever. Whoever runs this also runs its `mirrors`."""
        await self.models.synced()
        await self.nodes.synced()
        while True:
            await self.look()
            await self._wake.wait(RESYNC_S)

    async def look(self) -> PlacementPlan:
        """One turn: decide, and write what changed."""
        before = await self._records.plans.get(CURRENT_PLAN) or PlacementPlan()
        after = plan(self._snapshot(before), self._policy)
        standing = await self._records.assignments.list()
        operations = list(self._changes(before, after, standing))
        if operations:
            await self._records.store.transact(operations)
            for entry in after.unplaced:
                log.warning("%s has no place: %s", entry.replica, entry.reason)
        return after

    def _snapshot(self, current: PlacementPlan) -> ClusterSnapshot:
        nodes = tuple(self.nodes.items.values())
        kinds = frozenset(device.kind for node in nodes for device in node.devices)
        wanted = (
            wanted_model(name, intent, kinds, self._engine_defaults)
            for name, intent in sorted(self.models.items.items())
            if intent.is_wanted
        )
        return ClusterSnapshot(nodes, tuple(wanted), current)

    def _changes(
        self,
        before: PlacementPlan,
        after: PlacementPlan,
        standing: Mapping[str, ReplicaAssignment],
    ) -> Iterator[Operation]:
        if after != before:
            yield self._records.plans.put_operation(CURRENT_PLAN, after)
        due = {f"{entry.node}/{entry.replica}": entry for entry in after.assignments}
        for name in sorted(standing.keys() - due.keys()):
            yield Delete(self._records.assignments.key(name))
        for name, entry in due.items():
            if standing.get(name) != entry:
                yield self._records.assignments.put_operation(name, entry)


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
