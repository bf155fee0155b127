"""What `ls` and `ps` show, from records alone."""

from __future__ import annotations

import pytest

from xinf.core.engines import EngineIdentity, RunningEngine
from xinf.core.models import Activation, ModelIntent, ModelSpec, Override
from xinf.core.placement import (
    EngineConfig,
    Obstacle,
    PlacementPlan,
    ReplicaAssignment,
    Unplaced,
)
from xinf.core.progress import Progress, Step
from xinf.core.states import EngineState, ModelState
from xinf.core.views import is_due, model_state, model_view, replica_view

SPEC = ModelSpec("echo", engine="sim", replicas=2, aliases=("parrot",))
WANTED = ModelIntent(declared=SPEC)
ENDED = ModelIntent(declared=SPEC, override=Override.TERMINATE)
E, M = EngineState, ModelState


def engine(
    state: EngineState, *, index: int = 0, model: str = "echo", reason: str = "", since: float = 0.0
) -> RunningEngine:
    return RunningEngine(
        replica=f"{model}/{index}",
        model=model,
        node="here",
        state=state,
        reason=reason,
        since=since,
        engine="sim",
        runtime="sim",
        fingerprint="f",
        devices=("cpu",),
        memory_bytes=7,
        context=4096,
    )


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ([], M.QUEUED),
        ([E.STOPPED], M.QUEUED),
        ([E.PENDING], M.LOADING),
        ([E.LOADING, E.FAILED], M.LOADING),
        ([E.BACKOFF], M.LOADING),
        ([E.READY, E.FAILED], M.READY),
        ([E.READY, E.LOADING], M.READY),
        ([E.ASLEEP, E.LOADING], M.ASLEEP),
        ([E.FAILED, E.STOPPED], M.FAILED),
        ([E.DRAINING], M.LOADING),
        ([E.STOPPING, E.FAILED], M.FAILED),
    ],
)
def test_a_wanted_model_is_as_good_as_its_best_engine(
    states: list[EngineState], shown: ModelState
) -> None:
    assert model_state(WANTED, [engine(state) for state in states])[0] is shown


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ([], M.OFF),
        ([E.STOPPED], M.OFF),
        ([E.FAILED, E.BACKOFF], M.OFF),
        ([E.READY], M.DRAINING),
        ([E.STOPPED, E.STOPPING], M.DRAINING),
    ],
)
def test_a_model_that_nobody_wants_is_off_once_its_engines_are_gone(
    states: list[EngineState], shown: ModelState
) -> None:
    assert model_state(ENDED, [engine(state) for state in states])[0] is shown


@pytest.mark.parametrize("state", EngineState)
@pytest.mark.parametrize("intent", [WANTED, ENDED])
def test_every_engine_state_gives_a_model_state_and_a_reason_where_it_does_not_serve(
    state: EngineState, intent: ModelIntent
) -> None:
    shown, why = model_state(intent, [engine(state, reason="the agent's words")])
    assert bool(why) == (shown is not M.READY)


def test_a_failed_model_tells_the_last_engines_reason() -> None:
    engines = [
        engine(E.FAILED, index=0, reason="out of memory", since=1.0),
        engine(E.FAILED, index=1, reason="no such file", since=2.0),
    ]
    assert model_state(WANTED, engines) == (M.FAILED, "no such file")


def test_an_off_model_tells_who_must_say_otherwise() -> None:
    manual = ModelIntent(declared=ModelSpec("echo", activation=Activation.MANUAL))
    assert model_state(manual, [])[1] == "is loaded only by `xinf launch`"
    assert "xinf terminate" in model_state(ENDED, [])[1]


def test_a_row_of_ls_counts_its_own_ready_replicas() -> None:
    engines = [
        engine(E.READY, index=0),
        engine(E.LOADING, index=1),
        engine(E.READY, model="another"),
    ]
    row = model_view("echo", WANTED, engines, PlacementPlan())
    assert (row.name, row.state, row.aliases) == ("echo", M.READY, ("parrot",))
    assert (row.replicas, row.desired_replicas) == (1, 2)
    assert (row.engine, row.owner) == ("sim", "config file")


def test_an_engine_that_nobody_named_is_shown_as_chosen_or_as_auto() -> None:
    intent = ModelIntent(declared=ModelSpec("echo", source="path:/a.gguf"))
    config = EngineConfig("llamacpp", "llamacpp-cpu", "path:/a.gguf", ("echo",))
    placed = ReplicaAssignment("echo/0", "echo", "here", ("cpu",), 1, config, "f", why="fits")
    assert model_view("echo", intent, [], PlacementPlan()).engine == "auto"
    assert model_view("echo", intent, [], PlacementPlan((placed,))).engine == "llamacpp"


def test_a_model_without_a_place_says_why() -> None:
    missing = Unplaced("echo/0", "echo", 9, 2, "needs 9 B, 7 B are free")
    row = model_view("echo", WANTED, [], PlacementPlan(unplaced=(missing,)))
    assert (row.state, row.reason) == (M.QUEUED, "needs 9 B, 7 B are free")


@pytest.mark.parametrize("obstacle", [Obstacle.ON_DEMAND, Obstacle.EVICTED])
def test_a_model_that_waits_to_be_asked_for_is_off_and_says_why(obstacle: Obstacle) -> None:
    resting = Unplaced("echo/0", "echo", 9, 0, "nobody asked for it", obstacle)
    row = model_view("echo", WANTED, [], PlacementPlan(unplaced=(resting,)))
    assert (row.state, row.reason) == (M.OFF, "nobody asked for it")


@pytest.mark.parametrize("obstacle", [Obstacle.TOO_LARGE, Obstacle.INCOMPATIBLE])
def test_a_model_that_can_have_no_place_as_things_are_has_failed(obstacle: Obstacle) -> None:
    vain = Unplaced("echo/0", "echo", 9, 2, "needs 9 B of 7 B", obstacle)
    late = Unplaced("echo/1", "echo", 9, 2, "needs 9 B", Obstacle.NO_ROOM)
    row = model_view("echo", WANTED, [], PlacementPlan(unplaced=(vain,)))
    assert (row.state, row.reason) == (M.FAILED, "needs 9 B of 7 B")
    assert model_view("echo", WANTED, [], PlacementPlan(unplaced=(vain, late))).state is M.QUEUED


@pytest.mark.parametrize(
    ("activation", "obstacle", "due"),
    [
        (Activation.AUTO, Obstacle.NO_ROOM, False),
        (Activation.AUTO, Obstacle.YIELDED, False),
        (Activation.AUTO, Obstacle.TOO_LARGE, True),
        (Activation.AUTO, Obstacle.UNKNOWN_SIZE, True),
        (Activation.ON_DEMAND, Obstacle.ON_DEMAND, False),
        (Activation.ON_DEMAND, Obstacle.TOO_LARGE, False),
        (Activation.PRELOAD, Obstacle.NO_ROOM, True),
    ],
)
def test_what_should_be_up_although_it_has_no_place(
    activation: Activation, obstacle: Obstacle, due: bool
) -> None:
    intent = ModelIntent(declared=ModelSpec("echo", activation=activation))
    assert is_due(intent, [Unplaced("echo/0", "echo", 9, 2, "no", obstacle)]) is due


def test_a_terminated_model_desires_no_replicas() -> None:
    assert model_view("echo", ENDED, [], PlacementPlan()).desired_replicas == 0


def test_a_row_of_ps_joins_the_record_with_its_load() -> None:
    running = RunningEngine(
        replica="echo/0",
        model="echo",
        node="here",
        state=E.READY,
        reason="answers",
        since=12.5,
        engine="sim",
        runtime="sim",
        fingerprint="f",
        devices=("cpu",),
        memory_bytes=7,
        context=4096,
        identity=EngineIdentity(pid=42, start_ticks=1, session=42, instance="i"),
    )
    progress = Progress("echo/0", "echo", Step("download"), eta_s=3.0)
    row = replica_view(running, running=2, waiting=1, progress=progress)
    assert (row.replica, row.pid, row.running, row.waiting) == ("echo/0", 42, 2, 1)
    assert (row.devices, row.memory_bytes, row.context) == (("cpu",), 7, 4096)
    assert (row.since, row.reason, row.progress) == (12.5, "answers", progress)


def test_a_replica_without_a_process_has_no_pid() -> None:
    row = replica_view(engine(E.BACKOFF), running=0, waiting=0, progress=None)
    assert row.pid is None
