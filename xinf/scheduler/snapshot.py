"""All that a plan may depend on, frozen at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field

from xinf.core.nodes import NodeStatus
from xinf.core.placement import EngineConfig, PlacementPlan


@dataclass(frozen=True, slots=True)
class WantedModel:
    """A model that should run, as the registry understands it.

    `memory_bytes` is what one replica needs on its device. A model that the registry cannot make
    sense of carries the reason in `problem` and nothing to run in `config`.
    """

    name: str
    replicas: int
    priority: int = 0
    device_kind: str = ""
    memory_bytes: int = 0
    config: EngineConfig | None = None
    fingerprint: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """Machines, wishes, and the plan that is in force."""

    nodes: tuple[NodeStatus, ...]
    wanted: tuple[WantedModel, ...]
    current: PlacementPlan = field(default_factory=PlacementPlan)


@dataclass(frozen=True, slots=True)
class PlanPolicy:
    """What the settings say about planning. `reserve_bytes` is left free on each device."""

    strategy: str = "idle_first"
    reserve_bytes: int = 0
