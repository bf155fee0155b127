"""The store's records together, as memory: how each model stands and what people see of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xinf.core.engines import RunningEngine
from xinf.core.models import ModelIntent
from xinf.core.placement import PlacementPlan
from xinf.core.progress import Progress
from xinf.core.views import ModelView, ReplicaView, model_view, replica_view
from xinf.engine.load import EngineLoad
from xinf.router.endpoints import EndpointTable
from xinf.router.pick import EndpointView
from xinf.router.ports import Mirrored
from xinf.router.standing import Standing, standing


@dataclass(frozen=True, slots=True)
class Overview:
    """Reads only memory; never waits except in `synced`."""

    models: Mirrored[ModelIntent]
    engines: Mirrored[RunningEngine]
    plans: Mirrored[PlacementPlan]
    progress: Mirrored[Progress]

    async def synced(self) -> None:
        """Wait until every kind of record has been read once."""
        for mirror in (self.models, self.engines, self.plans, self.progress):
            await mirror.synced()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each change of any record; the returned function ends that."""
        mirrors = (self.models, self.engines, self.plans, self.progress)
        ends = [mirror.subscribe(listener) for mirror in mirrors]

        def unsubscribe() -> None:
            for end in ends:
                end()

        return unsubscribe

    @property
    def plan(self) -> PlacementPlan:
        """The plan in force; empty before the first."""
        return next(iter(self.plans.items.values()), PlacementPlan())

    def standing(self, name: str) -> Standing | None:
        """How the model `name` stands, None if there is no such model."""
        intent = self.models.items.get(name)
        if intent is None or intent.is_empty:
            return None
        engines, progress = self.engines.items.values(), self.progress.items.values()
        return standing(name, intent, engines, self.plan, progress)

    def model(self, name: str) -> ModelView | None:
        """The row of one model in `ls`."""
        intent = self.models.items.get(name)
        if intent is None:
            return None
        return model_view(name, intent, self.engines.items.values(), self.plan)

    def model_rows(self) -> tuple[ModelView, ...]:
        """The rows of `ls`, by name."""
        named = sorted(name for name, intent in self.models.items.items() if not intent.is_empty)
        rows = (self.model(name) for name in named)
        return tuple(row for row in rows if row is not None)

    def replica_rows(self, table: EndpointTable) -> tuple[ReplicaView, ...]:
        """The rows of `ps`, by replica, with the load that `table` knows."""
        seen = table.views()
        progress = {each.replica: each for each in self.progress.items.values()}
        engines = sorted(self.engines.items.values(), key=lambda each: each.replica)
        return tuple(
            _row(each, seen.get(each.replica), table.load(each.replica), progress.get(each.replica))
            for each in engines
        )


def _row(
    engine: RunningEngine,
    seen: EndpointView | None,
    load: EngineLoad | None,
    progress: Progress | None,
) -> ReplicaView:
    return replica_view(
        engine,
        running=seen.running if seen else 0,
        waiting=seen.waiting if seen else 0,
        progress=progress,
        generated_tokens=load.generated_tokens if load else 0,
        kv_usage=load.kv_usage if load else 0.0,
    )
