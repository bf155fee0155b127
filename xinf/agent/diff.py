"""What this machine must do next: desired assignments against observed engines.

Pure. Stops come before starts, so that memory is freed before it is claimed. An outdated replica
is only stopped; once it is gone the next look finds it missing and starts it anew. A replica in
back-off is left alone until its time, unless what is wanted of it has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from xinf.core.engines import RunningEngine
from xinf.core.placement import ReplicaAssignment
from xinf.core.states import LEAVING, EngineState


@dataclass(frozen=True, slots=True)
class StartEngine:
    """`is_retry` keeps the count of failures so far; otherwise it begins anew."""

    assignment: ReplicaAssignment
    is_retry: bool
    why: str


@dataclass(frozen=True, slots=True)
class StopEngine:
    replica: str
    why: str


@dataclass(frozen=True, slots=True)
class ForgetEngine:
    """Nothing runs and nothing is wanted: the record can go."""

    replica: str


Action: TypeAlias = StopEngine | ForgetEngine | StartEngine


@dataclass(frozen=True, slots=True)
class Diff:
    """What to do now, and when to look again unasked (wall seconds; None: never)."""

    actions: tuple[Action, ...] = ()
    look_again_at: float | None = None


_AT_REST = frozenset({EngineState.STOPPED, EngineState.BACKOFF, EngineState.FAILED})


def diff(
    desired: Iterable[ReplicaAssignment], observed: Iterable[RunningEngine], now: float
) -> Diff:
    """The steps from `observed` towards `desired`; `now` is wall seconds."""
    want = {assignment.replica: assignment for assignment in desired}
    have = {engine.replica: engine for engine in observed}
    waiting = [
        engine.retry_at
        for name, engine in have.items()
        if name in want and _is_waiting(want[name], engine, now) and engine.retry_at is not None
    ]
    return Diff(
        actions=(*_stops(want, have), *_forgets(want, have), *_starts(want, have, now)),
        look_again_at=min(waiting, default=None),
    )


def _stops(
    want: Mapping[str, ReplicaAssignment], have: Mapping[str, RunningEngine]
) -> Iterable[StopEngine]:
    for name in sorted(have):
        engine = have[name]
        if engine.state in LEAVING or engine.state in _AT_REST:
            continue
        if name not in want:
            yield StopEngine(name, "no longer wanted")
        elif _is_outdated(want[name], engine) and _may_leave(engine, want, have):
            yield StopEngine(name, "its settings changed")


def _may_leave(
    engine: RunningEngine,
    want: Mapping[str, ReplicaAssignment],
    have: Mapping[str, RunningEngine],
) -> bool:
    """A serving replica makes way only while all its siblings serve: a rollout one by one.

    If the new settings do not come up, the rollout stops there and the old copies go on serving,
    unless one of them holds the memory for which the new one waits. Where no settings are new
    either, others need the place at once.
    """
    if engine.state is not EngineState.READY:
        return True
    if want[engine.replica].fingerprint == engine.fingerprint:
        return True
    siblings = [
        name for name in want if want[name].model == engine.model and name != engine.replica
    ]
    if any(_is_kept_out(want[name], have.get(name), engine) for name in siblings):
        return True
    serving = [name for name in siblings if name in have and have[name].state is EngineState.READY]
    earlier = [
        name for name in serving if name < engine.replica and _is_outdated(want[name], have[name])
    ]
    return len(serving) == len(siblings) and not earlier


def _is_kept_out(
    assignment: ReplicaAssignment, waiting: RunningEngine | None, holder: RunningEngine
) -> bool:
    """Whether a replica could not start where `holder` still is."""
    is_hindered = waiting is not None and waiting.is_hindered
    return is_hindered and bool(set(assignment.devices) & set(holder.devices))


def _forgets(
    want: Mapping[str, ReplicaAssignment], have: Mapping[str, RunningEngine]
) -> Iterable[ForgetEngine]:
    for name in sorted(have.keys() - want.keys()):
        if have[name].state in _AT_REST:
            yield ForgetEngine(name)


def _starts(
    want: Mapping[str, ReplicaAssignment], have: Mapping[str, RunningEngine], now: float
) -> Iterable[StartEngine]:
    for name in sorted(want):
        engine = have.get(name)
        if engine is None:
            yield StartEngine(want[name], is_retry=False, why="wanted")
        elif engine.state in _AT_REST:
            if _is_outdated(want[name], engine):
                yield StartEngine(want[name], is_retry=False, why="its settings changed")
            elif engine.state is EngineState.STOPPED:
                yield StartEngine(want[name], is_retry=True, why="wanted")
            elif engine.state is EngineState.BACKOFF and not _is_waiting(want[name], engine, now):
                yield StartEngine(want[name], is_retry=True, why="tries again")


def _is_outdated(assignment: ReplicaAssignment, engine: RunningEngine) -> bool:
    moved = assignment.devices != engine.devices or assignment.shortens(engine.planned_context)
    return moved or assignment.fingerprint != engine.fingerprint


def _is_waiting(assignment: ReplicaAssignment, engine: RunningEngine, now: float) -> bool:
    return (
        engine.state is EngineState.BACKOFF
        and not _is_outdated(assignment, engine)
        and engine.retry_at is not None
        and engine.retry_at > now
    )
