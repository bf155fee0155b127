"""When a wish has come true, or cannot. Decides only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from xinf.core.placement import model_of
from xinf.core.states import EngineState, ModelState
from xinf.core.views import ModelView, ReplicaView

_GONE = frozenset({EngineState.STOPPED, EngineState.FAILED, EngineState.BACKOFF})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. `is_provisional`: it may be older than the wish, and about to change."""

    is_ready: bool
    reason: str = ""
    is_provisional: bool = False


def launched(
    models: Sequence[ModelView], replicas: Sequence[ReplicaView], name: str, asked_at: float
) -> Outcome | None:
    """What became of the wish of wall second `asked_at` to serve `name`; None = still on its way.

    It came true when all replicas are ready, and failed when none is on its way any more.
    """
    model = next((model for model in models if model.name == name), None)
    if model is None or model.state in {ModelState.OFF, ModelState.DRAINING}:
        return Outcome(False, "it was terminated meanwhile", is_provisional=True)
    own = [replica for replica in replicas if replica.model == name]
    if model.state is ModelState.FAILED and not own:  # there is no place for it at all
        return Outcome(False, model.reason, is_provisional=True)
    ready = [replica for replica in own if replica.state is EngineState.READY]
    failed = [replica for replica in own if replica.state is EngineState.FAILED]
    if len(ready) >= model.desired_replicas:
        return Outcome(True, is_provisional=_are_older(ready, asked_at))
    if failed and len(ready) + len(failed) >= model.desired_replicas:
        reason = failed[0].reason if not ready else _partly(ready, failed)
        return Outcome(False, reason, is_provisional=_are_older(failed, asked_at))
    return None


def settled(
    models: Sequence[ModelView],
    replicas: Sequence[ReplicaView],
    due: Collection[str],
    asked_at: float,
) -> Mapping[str, Outcome] | None:
    """What became of the replicas that were `due` since wall second `asked_at`, once all are there.

    None while one is on its way, or has not been begun.
    """
    states = {model.name: model.state for model in models}
    seen = {replica.replica: replica for replica in replicas}
    found: dict[str, Outcome] = {}
    for name in due:
        replica = seen.get(name)
        if states.get(model_of(name)) in {None, ModelState.OFF, ModelState.DRAINING}:
            found[name] = Outcome(False, "it was terminated meanwhile", is_provisional=True)
        elif replica is not None and replica.state in {EngineState.READY, EngineState.FAILED}:
            is_ready = replica.state is EngineState.READY
            reason = "" if is_ready else replica.reason
            found[name] = Outcome(is_ready, reason, _are_older([replica], asked_at))
    return found if len(found) == len(due) else None


def all_started(models: Sequence[ModelView], replicas: Sequence[ReplicaView]) -> bool:
    """Whether nothing that is due is on its way any more: each model is ready or has failed."""
    due = [model for model in models if model.is_due and model.desired_replicas > 0]
    return all(launched(models, replicas, model.name, asked_at=0.0) for model in due)


def terminated(replicas: Sequence[ReplicaView], name: str) -> bool:
    """Whether no process of `name` is left."""
    return all(replica.state in _GONE for replica in replicas if replica.model == name)


def _are_older(replicas: Sequence[ReplicaView], asked_at: float) -> bool:
    return bool(replicas) and all(replica.since < asked_at for replica in replicas)


def _partly(ready: Sequence[ReplicaView], failed: Sequence[ReplicaView]) -> str:
    return f"{len(failed)} of {len(ready) + len(failed)} replicas failed: {failed[0].reason}"
