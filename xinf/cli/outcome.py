"""When a wish has come true, or cannot. Decides only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    ready = [replica for replica in own if replica.state is EngineState.READY]
    failed = [replica for replica in own if replica.state is EngineState.FAILED]
    if len(ready) >= model.desired_replicas:
        return Outcome(True, is_provisional=_are_older(ready, asked_at))
    if failed and len(ready) + len(failed) >= model.desired_replicas:
        reason = failed[0].reason if not ready else _partly(ready, failed)
        return Outcome(False, reason, is_provisional=_are_older(failed, asked_at))
    return None


def all_started(models: Sequence[ModelView], replicas: Sequence[ReplicaView]) -> bool:
    """Whether nothing that is wanted is on its way any more: each model is ready or has failed."""
    wanted = [model for model in models if model.desired_replicas > 0]
    return all(launched(models, replicas, model.name, asked_at=0.0) for model in wanted)


def terminated(replicas: Sequence[ReplicaView], name: str) -> bool:
    """Whether no process of `name` is left."""
    return all(replica.state in _GONE for replica in replicas if replica.model == name)


def _are_older(replicas: Sequence[ReplicaView], asked_at: float) -> bool:
    return bool(replicas) and all(replica.since < asked_at for replica in replicas)


def _partly(ready: Sequence[ReplicaView], failed: Sequence[ReplicaView]) -> str:
    return f"{len(failed)} of {len(ready) + len(failed)} replicas failed: {failed[0].reason}"
