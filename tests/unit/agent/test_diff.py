from dataclasses import replace
from random import Random

import pytest

from xinf.agent.diff import Diff, ForgetEngine, StartEngine, StopEngine, diff
from xinf.core.engines import RunningEngine
from xinf.core.placement import EngineConfig, ReplicaAssignment
from xinf.core.states import EngineState

S = EngineState
RISING = {S.PENDING, S.LOADING}


def want(replica: str, fingerprint: str = "f", device: str = "GPU-0") -> ReplicaAssignment:
    model = replica.rpartition("/")[0]
    config = EngineConfig("sim", "sim", "", (model,))
    return ReplicaAssignment(replica, model, "local", (device,), 0, config, fingerprint, "why")


def have(
    replica: str,
    state: EngineState = S.READY,
    fingerprint: str = "f",
    retry_at: float | None = None,
    device: str = "GPU-0",
) -> RunningEngine:
    return RunningEngine(
        replica=replica,
        model=replica.rpartition("/")[0],
        node="local",
        state=state,
        reason="",
        since=0.0,
        engine="sim",
        runtime="sim",
        fingerprint=fingerprint,
        devices=(device,),
        retry_at=retry_at,
    )


def names(found: Diff) -> list[str]:
    def name(action: object) -> str:
        match action:
            case StartEngine(assignment):
                return f"start {assignment.replica}"
            case StopEngine(replica):
                return f"stop {replica}"
            case ForgetEngine(replica):
                return f"forget {replica}"
        raise AssertionError(action)

    return [name(action) for action in found.actions]


def test_nothing_happens_when_all_is_as_wanted() -> None:
    assert diff([want("a/0")], [have("a/0")], now=0) == Diff()


def test_stops_come_before_starts() -> None:
    assert names(diff([want("b/0")], [have("a/0")], now=0)) == ["stop a/0", "start b/0"]


def test_an_engine_on_its_way_out_is_not_asked_again() -> None:
    assert diff([], [have("a/0", S.DRAINING)], now=0) == Diff()


def test_what_rests_and_is_not_wanted_is_forgotten() -> None:
    found = diff([], [have("a/0", S.FAILED), have("b/0", S.STOPPED)], now=0)
    assert names(found) == ["forget a/0", "forget b/0"]


def test_changed_settings_stop_first_and_start_at_the_next_look() -> None:
    assert names(diff([want("a/0", "g")], [have("a/0")], now=0)) == ["stop a/0"]
    assert names(diff([want("a/0", "g")], [have("a/0", S.STOPPED)], now=0)) == ["start a/0"]


def test_a_replica_that_must_move_is_stopped() -> None:
    assert names(diff([want("a/0", device="GPU-1")], [have("a/0")], now=0)) == ["stop a/0"]


def test_a_rollout_takes_one_replica_at_a_time() -> None:
    wanted = [want("a/0", "g"), want("a/1", "g")]
    assert names(diff(wanted, [have("a/0"), have("a/1")], now=0)) == ["stop a/0"]
    loading = [have("a/0", S.LOADING, "g"), have("a/1")]
    assert diff(wanted, loading, now=0) == Diff()
    assert names(diff(wanted, [have("a/0", S.READY, "g"), have("a/1")], now=0)) == ["stop a/1"]


def test_a_rollout_that_fails_leaves_the_old_copies_serving() -> None:
    wanted = [want("a/0", "g"), want("a/1", "g")]
    assert diff(wanted, [have("a/0", S.FAILED, "g"), have("a/1")], now=0) == Diff()


def test_an_old_copy_that_holds_the_memory_for_which_the_new_one_waits_makes_way() -> None:
    wanted = [want("a/0", "g"), want("a/1", "g", device="GPU-1")]
    kept_out = replace(have("a/0", S.BACKOFF, "g", retry_at=10), is_hindered=True)
    assert names(diff(wanted, [kept_out, have("a/1")], now=0)) == ["stop a/1"]
    broken = have("a/0", S.BACKOFF, "g", retry_at=10)
    assert names(diff(wanted, [broken, have("a/1")], now=0)) == []
    elsewhere = replace(kept_out, devices=("GPU-2",))
    apart = [want("a/0", "g", device="GPU-2"), wanted[1]]
    assert names(diff(apart, [elsewhere, have("a/1")], now=0)) == []


def test_who_must_move_goes_at_once_though_a_sibling_does_not_serve() -> None:
    wanted = [want("a/0", device="GPU-1"), want("a/1")]
    found = diff(wanted, [have("a/0"), have("a/1", S.FAILED)], now=0)
    assert names(found) == ["stop a/0"]


@pytest.mark.parametrize(
    ("before", "after", "is_stopped"),
    [(8192, 4096, True), (4096, 8192, False), (4096, 4096, False), (None, 4096, False)],
)
def test_a_live_replica_starts_anew_only_for_a_shorter_context(
    before: int | None, after: int, is_stopped: bool
) -> None:
    serving = replace(have("a/0"), planned_context=before)
    found = names(diff([replace(want("a/0"), context=after)], [serving], now=0))
    assert found == (["stop a/0"] if is_stopped else [])


def test_backoff_is_left_alone_until_its_time() -> None:
    resting = have("a/0", S.BACKOFF, retry_at=10)
    assert diff([want("a/0")], [resting], now=9) == Diff(look_again_at=10)
    assert names(diff([want("a/0")], [resting], now=10)) == ["start a/0"]


def test_a_retry_keeps_the_count_of_failures_and_a_change_does_not() -> None:
    resting = have("a/0", S.BACKOFF, retry_at=10)
    retry = diff([want("a/0")], [resting], now=10).actions[0]
    fresh = diff([want("a/0", "g")], [resting], now=0).actions[0]
    assert isinstance(retry, StartEngine)
    assert isinstance(fresh, StartEngine)
    assert (retry.is_retry, fresh.is_retry) == (True, False)


def test_a_failed_replica_waits_for_a_change() -> None:
    assert diff([want("a/0")], [have("a/0", S.FAILED)], now=0) == Diff()
    assert names(diff([want("a/0", "g")], [have("a/0", S.FAILED)], now=0)) == ["start a/0"]


def world_after(found: Diff, engines: dict[str, RunningEngine]) -> dict[str, RunningEngine]:
    after = dict(engines)
    for action in found.actions:
        match action:
            case StopEngine(name):
                after[name] = replace(after[name], state=S.STOPPED)
            case ForgetEngine(name):
                del after[name]
            case StartEngine(assignment):
                name, print_ = assignment.replica, assignment.fingerprint
                after[name] = have(name, S.READY, print_, device=assignment.devices[0])
    return after


@pytest.mark.parametrize("seed", range(300))
def test_any_fleet_reaches_its_wishes_and_then_rests(seed: int) -> None:
    chance = Random(seed)
    replicas = [f"{model}/{index}" for model in "abc" for index in range(3)]
    wanted = [
        want(name, chance.choice("fg"), chance.choice(["GPU-0", "GPU-1"]))
        for name in chance.sample(replicas, chance.randint(0, 9))
    ]
    resting = [S.READY, S.STOPPED, S.BACKOFF, S.LOADING, S.PENDING]
    engines = {
        name: have(name, chance.choice(resting), chance.choice("fg"), retry_at=50)
        for name in chance.sample(replicas, chance.randint(0, 9))
    }
    # Worst case: every replica of a model in turn is stopped and started.
    for _ in range(2 * len(replicas) + 2):
        engines = world_after(diff(wanted, engines.values(), now=100), engines)
        engines = {
            name: replace(engine, state=S.READY) if engine.state in RISING else engine
            for name, engine in engines.items()
        }
    assert diff(wanted, engines.values(), now=100) == Diff()
    assert engines.keys() == {assignment.replica for assignment in wanted}
    for assignment in wanted:
        engine = engines[assignment.replica]
        assert engine.state is S.READY
        assert engine.fingerprint == assignment.fingerprint
        assert engine.devices == assignment.devices
