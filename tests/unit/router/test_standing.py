from __future__ import annotations

import pytest

from tests.support.routing import declared, engine
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.models import ModelIntent, Override, terminate
from xinf.core.placement import Obstacle, PlacementPlan, Unplaced
from xinf.core.progress import Progress, Step
from xinf.core.states import EngineState, ModelState
from xinf.router import standing as words
from xinf.router.standing import Standing, refusal, standing


def stands(
    *states: EngineState,
    intent: ModelIntent | None = None,
    plan: PlacementPlan | None = None,
    progress: tuple[Progress, ...] = (),
) -> Standing:
    engines = [engine(f"a/{i}", state, reason="because") for i, state in enumerate(states)]
    return standing("a", intent or declared(), engines, plan or PlacementPlan(), progress)


def refused(found: Standing) -> ErrorCode | None:
    error = refusal(found)
    return error.code if error is not None else None


def test_a_failed_model_is_refused_with_the_engines_reason() -> None:
    error = refusal(stands(EngineState.FAILED))
    assert error is not None
    assert error.code is ErrorCode.MODEL_FAILED
    assert "because" in str(error)
    assert not error.kind.retryable


def test_a_model_with_one_failed_and_one_rising_replica_is_waited_for() -> None:
    assert refused(stands(EngineState.FAILED, EngineState.BACKOFF)) is None


def test_a_model_that_nobody_wants_is_refused_and_the_way_to_start_it_is_told() -> None:
    error = refusal(stands(intent=terminate(declared())))
    assert error is not None
    assert error.code is ErrorCode.MODEL_OFF
    assert "xinf launch a" in str(error)


def test_a_model_that_is_leaving_is_refused() -> None:
    leaving = ModelIntent(declared=declared().declared, override=Override.TERMINATE)
    assert refused(stands(EngineState.DRAINING, intent=leaving)) is ErrorCode.MODEL_OFF


def test_a_model_without_a_place_tells_the_plans_reason() -> None:
    unplaced = Unplaced("a/0", "a", 10, 5, "needs 10 B, 5 B more than is free")
    found = stands(plan=PlacementPlan(unplaced=(unplaced,)))
    assert found.state is ModelState.QUEUED
    assert found.words == "is queued: needs 10 B, 5 B more than is free"


def without_a_place(obstacle: Obstacle, nearest_fit: str = "") -> PlacementPlan:
    entry = Unplaced("a/0", "a", 10, 5, "needs 10 B of 5 B", obstacle, nearest_fit)
    return PlacementPlan(unplaced=(entry,))


@pytest.mark.parametrize(
    "obstacle", [Obstacle.TOO_LARGE, Obstacle.NO_DEVICE, Obstacle.INCOMPATIBLE]
)
def test_a_model_that_this_machine_has_no_place_for_is_refused_for_good(
    obstacle: Obstacle,
) -> None:
    error = refusal(stands(plan=without_a_place(obstacle, 'context = "8k"')))
    assert error is not None
    assert error.code is ErrorCode.DOES_NOT_FIT
    assert not error.kind.retryable
    assert "needs 10 B of 5 B" in str(error)
    assert 'Nearest that fits: context = "8k"' in str(error)


@pytest.mark.parametrize(
    "obstacle", sorted(set(Obstacle) - {"too_large", "no_device", "incompatible"})
)
def test_a_model_that_may_have_a_place_later_is_waited_for_with_the_reason(
    obstacle: Obstacle,
) -> None:
    found = stands(plan=without_a_place(obstacle))
    assert refusal(found) is None
    error = words.still_loading(found, waited_s=3.0)
    assert error.kind.retryable
    assert error.retry_after_s is not None
    assert "needs 10 B of 5 B" in str(error)


def test_one_replica_without_a_place_does_not_close_a_model_that_runs() -> None:
    plan = without_a_place(Obstacle.TOO_LARGE)
    assert refusal(stands(EngineState.READY, plan=plan)) is None
    assert refusal(stands(EngineState.LOADING, plan=plan)) is None


def test_of_several_replicas_the_furthest_is_told() -> None:
    slow = Progress("a/0", "a", Step("reading weights", 1, 10), 90.0)
    fast = Progress("a/1", "a", Step("reading weights", 4, 10), 30.0)
    found = stands(EngineState.LOADING, EngineState.LOADING, progress=(slow, fast))
    assert found.words == "is loading: reading weights, 40%, about 30 s left"


def test_words_are_one_line_however_long_an_engines_last_words_were() -> None:
    found = Standing("a", ModelState.LOADING, "exited with 1;\nlast words:\n\tTraceback")
    assert found.words == "is loading: exited with 1; last words: Traceback"


def test_retry_after_follows_the_estimate_within_bounds() -> None:
    def retry(eta_s: float | None) -> float | None:
        progress = Progress("a/0", "a", Step("x"), eta_s)
        error = words.still_loading(Standing("a", ModelState.LOADING, "", progress), 300)
        return error.retry_after_s

    assert [retry(None), retry(0.1), retry(12.2), retry(4000)] == [5, 2, 13, 60]


def test_an_unknown_model_is_told_which_there_are() -> None:
    error: XinfError = words.unknown_model("gpt", ["a", "b"])
    assert error.code is ErrorCode.MODEL_NOT_FOUND
    assert error.param == "model"
    assert "a, b" in str(error)
