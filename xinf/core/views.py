"""What people see: rows of `ls` and `ps`, derived from the store's records and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xinf.core.engines import RunningEngine
from xinf.core.ledger import Account
from xinf.core.models import Activation, ModelIntent, Override
from xinf.core.nodes import Device, DeviceProcess, Vitals
from xinf.core.placement import RESTING, Obstacle, PlacementPlan, Unplaced
from xinf.core.progress import Progress
from xinf.core.states import RISING, EngineState, ModelState


@dataclass(frozen=True, slots=True)
class ModelView:
    """A row of `ls`. `replicas` counts the ready ones; `is_due` = it should be up now, as opposed
    to one that waits to be asked for, or for room that it was to have only if there is any.
    `waiting` requests stand in line because no replica can take them.
    """

    name: str
    aliases: tuple[str, ...]
    state: ModelState
    engine: str
    source: str
    replicas: int
    desired_replicas: int
    reason: str
    owner: str
    is_due: bool = True
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """A row of `ps`. Memory is bytes, `context` tokens, `since` seconds since the epoch.

    `generated_tokens` count from the start of this process; `kv_usage` is a share from 0 to 1.
    """

    model: str
    replica: str
    state: EngineState
    engine: str
    runtime: str
    pid: int | None
    devices: tuple[str, ...]
    memory_bytes: int
    context: int | None
    running: int
    waiting: int
    since: float
    reason: str
    progress: Progress | None = None
    generated_tokens: int = 0
    kv_usage: float = 0.0


_UNTOLD = Vitals()


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device with what our replicas claim of it. Memory is bytes, `id` is for people; the rest is
    as a `Device` has it.

    `memory_foreign` is what others hold as the last plan judged it (None before the first one),
    `memory_reserve` what plans leave free beside it.
    """

    id: str
    kind: str
    uuid: str
    name: str
    compute_capability: str | None
    memory_total: int
    memory_used: int
    memory_claimed: int
    processes: tuple[DeviceProcess, ...]
    driver: str | None = None
    driver_api: str | None = None
    parent: str | None = None
    is_unified: bool = False
    hides_processes: bool = False
    problem: str = ""
    vitals: Vitals = _UNTOLD
    memory_foreign: int | None = None
    memory_reserve: int = 0


# Until a plan has said where it runs, or why it does not.
UNPLANNED = "waiting for a place"
# Nothing is queued here: the next request brings such a model up.
_UNASKED = frozenset({Obstacle.ON_DEMAND, Obstacle.EVICTED})


def model_state(intent: ModelIntent, engines: Sequence[RunningEngine]) -> tuple[ModelState, str]:
    """The best that a request for this model may expect now, and why."""
    states = {engine.state for engine in engines}
    if EngineState.READY in states and intent.is_wanted:
        return ModelState.READY, ""
    if not intent.is_wanted:
        leaving = states - {EngineState.STOPPED, EngineState.FAILED, EngineState.BACKOFF}
        if leaving:
            return ModelState.DRAINING, "stopping"
        return ModelState.OFF, _why_off(intent)
    if EngineState.ASLEEP in states:
        return ModelState.ASLEEP, "asleep; the next request wakes it"
    if states & RISING:
        return ModelState.LOADING, _newest(engines, RISING)
    if EngineState.FAILED in states:
        return ModelState.FAILED, _newest(engines, {EngineState.FAILED})
    if states & {EngineState.DRAINING, EngineState.STOPPING}:
        return ModelState.LOADING, "being replaced"
    return ModelState.QUEUED, UNPLANNED


def _why_off(intent: ModelIntent) -> str:
    """Who has to say otherwise."""
    if intent.override is Override.TERMINATE:
        return "stays off after `xinf terminate`, until `xinf launch`"
    if intent.activation is Activation.MANUAL:
        return "is loaded only by `xinf launch`"
    return f"not wanted by the {intent.owner}"


def _without_place(unplaced: Sequence[Unplaced]) -> ModelState:
    """Off until the next request, failed until something is changed, or waiting for its turn."""
    if all(entry.obstacle in _UNASKED for entry in unplaced):
        return ModelState.OFF
    is_vain = not any(entry.may_fit_later for entry in unplaced)
    return ModelState.FAILED if is_vain else ModelState.QUEUED


def is_due(intent: ModelIntent, unplaced: Iterable[Unplaced]) -> bool:
    """Whether a model with these replicas unplaced should be up all the same.

    One that only waits to be asked for is not, nor one that was to be loaded where it fits beside
    the others and does not; a preloaded one always is.
    """
    if intent.activation is not Activation.AUTO:
        return intent.activation is Activation.PRELOAD
    return any(entry.obstacle not in RESTING for entry in unplaced)


def model_view(
    name: str, intent: ModelIntent, engines: Iterable[RunningEngine], plan: PlacementPlan
) -> ModelView:
    """The row of `name`; a reason for not being placed comes before any other."""
    own = [engine for engine in engines if engine.model == name]
    state, reason = model_state(intent, own)
    unplaced = [entry for entry in plan.unplaced if entry.model == name]
    if state is ModelState.QUEUED and unplaced:
        state = _without_place(unplaced)
    chosen = {entry.config.engine for entry in plan.assignments if entry.model == name}
    spec = intent.spec
    return ModelView(
        name=name,
        aliases=spec.aliases if spec else (),
        state=state,
        engine=next(iter(sorted(chosen)), (spec.engine if spec else None) or "auto"),
        source=spec.source if spec else "",
        replicas=sum(engine.state is EngineState.READY for engine in own),
        desired_replicas=spec.replicas if spec and intent.is_wanted else 0,
        reason=unplaced[0].reason if unplaced else reason,
        owner=intent.owner,
        is_due=intent.is_wanted and (bool(chosen) or not unplaced or is_due(intent, unplaced)),
    )


def replica_view(
    engine: RunningEngine,
    *,
    running: int,
    waiting: int,
    progress: Progress | None,
    generated_tokens: int = 0,
    kv_usage: float = 0.0,
) -> ReplicaView:
    """The row of one engine with its load, which travels outside the store."""
    return ReplicaView(
        model=engine.model,
        replica=engine.replica,
        state=engine.state,
        engine=engine.engine,
        runtime=engine.runtime,
        pid=engine.identity.pid if engine.identity else None,
        devices=engine.devices,
        memory_bytes=engine.memory_bytes,
        context=engine.context,
        running=running,
        waiting=waiting,
        since=engine.since,
        reason=engine.reason,
        progress=progress,
        generated_tokens=generated_tokens,
        kv_usage=kv_usage,
    )


def device_view(device: Device, account: Account, foreign: int | None) -> DeviceView:
    """A device with its `account` under the plan in force, and what others hold, if it is known."""
    return DeviceView(
        id=device.id,
        kind=device.kind,
        uuid=device.uuid,
        name=device.name,
        compute_capability=device.compute_capability,
        memory_total=device.memory_total,
        memory_used=device.memory_used,
        memory_claimed=account.claimed,
        processes=device.processes,
        driver=device.driver,
        driver_api=device.driver_api,
        parent=device.parent,
        is_unified=device.is_unified,
        hides_processes=device.hides_processes,
        problem=device.problem,
        vitals=device.vitals,
        memory_foreign=foreign,
        memory_reserve=account.reserve,
    )


def _newest(engines: Sequence[RunningEngine], states: Iterable[EngineState]) -> str:
    among = set(states)
    return max((e for e in engines if e.state in among), key=lambda e: e.since).reason
