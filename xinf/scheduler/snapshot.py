"""All that a plan may depend on, frozen at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xinf.core.memory import Alternative, MemoryShape, Sizing
from xinf.core.models import Activation
from xinf.core.nodes import NodeStatus
from xinf.core.placement import EngineConfig, PlacementPlan
from xinf.core.states import EngineState
from xinf.core.workload import Verdict

NOTHING_KNOWN = Sizing(context=0)


@dataclass(frozen=True, slots=True)
class Demand:
    """Requests that wait for a model. `since` is when the first began to, monotonic seconds of the
    snapshot's clock; `priority` that of the most urgent one (lower is earlier, see core.requests).
    """

    waiting: int
    since: float
    priority: int = 20


@dataclass(frozen=True, slots=True)
class WantedModel:
    """A model that should run, as the registry understands it.

    Its memory is `shape` and `sizing` where they are known; else `memory_bytes` on each device, all
    of it declared (a simulated engine). `measured` is what it really took on each device, by the
    name of the device, and wins over both; `beside_cache` is that without its KV cache, from which
    the need with another context is worked out. `is_context_auto` allows the plan to choose any
    context up to `sizing.context`. `pins` are the UUIDs that it must run on, all of them for each
    replica; without pins it takes `sizing.devices` devices of one kind and name. `verdicts` are by
    UUID.

    A model that the registry cannot make sense of carries the reason in `problem` and nothing to
    run in `config`; one whose files are still being looked at has `is_pending`.
    """

    name: str
    replicas: int
    priority: int = 0
    device_kind: str = ""
    memory_bytes: int = 0
    config: EngineConfig | None = None
    fingerprint: str = ""
    problem: str = ""
    is_pending: bool = False
    activation: Activation = Activation.AUTO
    is_pinned: bool = False
    shape: MemoryShape | None = None
    sizing: Sizing = NOTHING_KNOWN
    is_context_auto: bool = False
    pins: tuple[str, ...] = ()
    measured: Mapping[str, int] = field(default_factory=dict[str, int])
    verdicts: Mapping[str, Verdict] = field(default_factory=dict[str, Verdict])
    alternatives: tuple[Alternative, ...] = ()
    demand: Demand | None = None
    # What bringing it back would cost, and how long it must be idle before it may be evicted.
    reload_s: float = 0.0
    idle_s: float = 0.0
    beside_cache: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class EngineView:
    """One engine that exists. `memory` is what it was seen to hold, by device UUID.

    `is_busy` = requests run in it or wait for it; `last_used` is monotonic seconds of the
    snapshot's clock, and so is `since`, when it came into this state. `is_simulated` = what it says
    to hold is pretended, and no device shows it. `context` is the one that its place gave it.
    """

    replica: str
    state: EngineState
    devices: tuple[str, ...]
    fingerprint: str = ""
    memory: Mapping[str, int] = field(default_factory=dict[str, int])
    is_busy: bool = False
    last_used: float = 0.0
    since: float = 0.0
    is_simulated: bool = False
    context: int | None = None


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """Machines, wishes, engines, and the plan that is in force.

    `now` is monotonic seconds; `foreign_before` is what others were last known to hold on each
    device (by UUID), for moments at which that cannot be judged. `unsettled` are the devices of
    which the figures may be from before an engine of ours came or went.
    """

    nodes: tuple[NodeStatus, ...]
    wanted: tuple[WantedModel, ...]
    current: PlacementPlan = field(default_factory=PlacementPlan)
    engines: tuple[EngineView, ...] = ()
    foreign_before: Mapping[str, int] = field(default_factory=dict[str, int])
    now: float = 0.0
    unsettled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PlanPolicy:
    """What the settings say about planning. `reserve_bytes` is left free on each device."""

    strategy: str = "idle_first"
    reserve_bytes: int = 0
    # A replica that came up less than this ago is not evicted for another model.
    residence_s: float = 0.0
