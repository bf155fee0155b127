"""What a request may expect of a model now, and the refusals that follow from it. Decides only."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from xinf.core.engines import RunningEngine
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.models import ModelIntent
from xinf.core.placement import Obstacle, PlacementPlan, Unplaced
from xinf.core.progress import Progress
from xinf.core.states import ModelState
from xinf.core.units import format_seconds
from xinf.core.views import model_state

# Retry-After in seconds. Sooner than the lower bounds nothing will have changed; clients that read
# a higher one than the upper bounds give up instead of waiting.
LOADING_RETRY_S = (2.0, 60.0)
QUEUE_RETRY_S = (1.0, 30.0)
LOADING_RETRY_UNKNOWN_S = 5.0

# A request does not wait for another machine or other settings. One that nobody knows how to run is
# waited for: before the devices have been looked at, that is so for every model.
_IN_VAIN = frozenset({Obstacle.TOO_LARGE, Obstacle.NO_DEVICE, Obstacle.INCOMPATIBLE})


@dataclass(frozen=True, slots=True)
class Standing:
    """A model's state with its reason, and the progress of the replica that is furthest.

    `unplaced` is why it has no place, where that is what keeps it.
    """

    model: str
    state: ModelState
    reason: str
    progress: Progress | None = None
    unplaced: Unplaced | None = None

    @property
    def words(self) -> str:
        """One line, e.g. `is loading: reading weights, 40%`."""
        text = f"is {self.state}"
        detail = _progress_words(self.progress) if self.progress else self.reason
        return " ".join(f"{text}: {detail}".split()) if detail else text


def standing(
    name: str,
    intent: ModelIntent,
    engines: Iterable[RunningEngine],
    plan: PlacementPlan,
    progress: Iterable[Progress],
) -> Standing:
    """How `name` stands; the reason for having no place comes before any other."""
    state, reason = model_state(intent, [each for each in engines if each.model == name])
    unplaced = next((each for each in plan.unplaced if each.model == name), None)
    if state is not ModelState.QUEUED:
        unplaced = None
    elif unplaced is not None and unplaced.reason:
        reason = unplaced.reason
    steps = [each for each in progress if each.model == name]
    return Standing(name, state, reason, max(steps, key=_share, default=None), unplaced)


def refusal(standing: Standing) -> XinfError | None:
    """Why waiting for this model would be in vain; None when it may well come."""
    thing = f"model {standing.model!r}"
    if standing.state is ModelState.FAILED:
        return XinfError(
            ErrorCode.MODEL_FAILED,
            thing=thing,
            cause=f"its engine could not be started: {standing.reason}",
            next_step="See `xinf ps`; any change of the model's settings tries again",
            param="model",
        )
    if standing.state in (ModelState.OFF, ModelState.DRAINING):
        return XinfError(
            ErrorCode.MODEL_OFF,
            thing=thing,
            cause=f"it is {standing.state} ({standing.reason})",
            next_step=f"Start it with `xinf launch {standing.model}`",
            param="model",
        )
    if standing.unplaced is not None and standing.unplaced.obstacle in _IN_VAIN:
        return does_not_fit(standing.unplaced)
    return None


def does_not_fit(unplaced: Unplaced) -> XinfError:
    """This machine as it is has no place for the model, however long anybody waits."""
    nearest, why = unplaced.nearest_fit, f"see `xinf why {unplaced.model}`"
    return XinfError(
        ErrorCode.DOES_NOT_FIT,
        thing=f"model {unplaced.model!r}",
        cause=unplaced.reason or "it has no place on this machine",
        next_step=f"Nearest that fits: {nearest}; {why}" if nearest else f"S{why[1:]}",
        param="model",
    )


def unknown_model(name: str, known: Iterable[str]) -> XinfError:
    """Nobody ever described a model of this name."""
    names = ", ".join(known)
    return XinfError(
        ErrorCode.MODEL_NOT_FOUND,
        thing=f"model {name!r}",
        cause="there is no model of that name",
        next_step=f"The models here: {names}" if names else "Add one with `xinf launch`",
        param="model",
    )


def still_loading(standing: Standing, waited_s: float) -> XinfError:
    """The model did not come in time."""
    return XinfError(
        ErrorCode.MODEL_LOADING,
        thing=f"model {standing.model!r}",
        cause=f"it {standing.words}; waited {format_seconds(waited_s)}",
        next_step="Try again later, or raise server.load_timeout",
        param="model",
        retry_after_s=loading_retry_s(standing),
    )


def still_busy(model: str, reason: str, waited_s: float, retry_s: float) -> XinfError:
    """The model serves, but no replica could take more in time; `reason` says which and why."""
    return XinfError(
        ErrorCode.QUEUE_FULL,
        thing=f"model {model!r}",
        cause=f"{reason}; waited {format_seconds(waited_s)} for a place",
        next_step="Try again later, or raise its replicas",
        param="model",
        retry_after_s=clamp(retry_s, QUEUE_RETRY_S),
    )


def queue_full(model: str, queue: int, retry_s: float) -> XinfError:
    """As many requests wait for this model as may."""
    return XinfError(
        ErrorCode.QUEUE_FULL,
        thing=f"model {model!r}",
        cause=f"{queue} requests are already waiting for it",
        next_step="Try again later, or raise its queue or its replicas",
        param="model",
        retry_after_s=clamp(retry_s, QUEUE_RETRY_S),
    )


def shutting_down() -> XinfError:
    """Xinf is on its way out, and nothing will load any more."""
    return XinfError(
        ErrorCode.SHUTTING_DOWN,
        thing="xinf",
        cause="it is shutting down and takes no new requests",
        next_step="Start it again with `xinf up`",
        retry_after_s=LOADING_RETRY_UNKNOWN_S,
    )


def loading_retry_s(standing: Standing) -> float:
    """When a client should come again for a model that is on its way."""
    eta_s = standing.progress.eta_s if standing.progress else None
    return clamp(LOADING_RETRY_UNKNOWN_S if eta_s is None else eta_s, LOADING_RETRY_S)


def clamp(seconds: float, bounds: tuple[float, float]) -> float:
    """Whole seconds within `bounds`, as the Retry-After header wants them."""
    return math.ceil(min(max(seconds, bounds[0]), bounds[1]))


def _share(progress: Progress) -> float:
    return progress.step.done / progress.step.total if progress.step.total else 0.0


def _progress_words(progress: Progress) -> str:
    share = f", {_share(progress):.0%}" if progress.step.total else ""
    eta = f", about {format_seconds(progress.eta_s)} left" if progress.eta_s is not None else ""
    return f"{progress.step.what}{share}{eta}"
