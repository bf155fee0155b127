"""Every kind of record in the store, with its place. design.md §4 says who writes which."""

from __future__ import annotations

from xinf.core.engines import RunningEngine
from xinf.core.facts import ModelFacts
from xinf.core.footprints import MeasuredFootprint
from xinf.core.models import ModelIntent
from xinf.core.nodes import NodeStatus
from xinf.core.placement import PlacementPlan, ReplicaAssignment
from xinf.core.progress import Progress
from xinf.meta.collection import Collection
from xinf.meta.store import MetaStore

# The one record of `plans`: what the scheduler decided last.
CURRENT_PLAN = "current"


class Records:
    """The store's typed doors. `Collection.put_operation` serves transactions over several."""

    def __init__(self, store: MetaStore) -> None:
        self.store = store
        # By model name: what is wanted, and who said so.
        self.models = Collection(store, "models/", ModelIntent)
        # By `<node>/<replica>`: what an agent must run, and what it does run.
        self.assignments = Collection(store, "assignments/", ReplicaAssignment)
        self.engines = Collection(store, "engines/", RunningEngine)
        self.progress = Collection(store, "progress/", Progress)
        # By node: what a machine has.
        self.nodes = Collection(store, "nodes/", NodeStatus)
        self.plans = Collection(store, "plans/", PlacementPlan)
        # By `facts_name` of their source: what models' files say.
        self.facts = Collection(store, "facts/", ModelFacts)
        # By their own key: what engines were seen to hold.
        self.footprints = Collection(store, "footprints/", MeasuredFootprint)
