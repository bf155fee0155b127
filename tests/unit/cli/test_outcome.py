from dataclasses import replace

import pytest

from tests.support.admin import model, replica
from xinf.cli.outcome import Outcome, all_started, launched, settled, terminated
from xinf.core.states import EngineState, ModelState

ASKED_AT = 100.0
NEW, OLD = 200.0, 50.0
READY, FAILED, LOADING = EngineState.READY, EngineState.FAILED, EngineState.LOADING


def test_a_model_is_launched_when_all_its_replicas_are_ready() -> None:
    two = model(desired_replicas=2)
    first = replica("echo/0", since=NEW)
    loading = replica("echo/1", LOADING, since=NEW)
    assert launched([two], [first, loading], "echo", ASKED_AT) is None
    second = replica("echo/1", since=NEW)
    assert launched([two], [first, second], "echo", ASKED_AT) == Outcome(True)


def test_a_model_has_failed_when_none_of_its_replicas_is_on_its_way_any_more() -> None:
    two = model(desired_replicas=2)
    broken = replica("echo/1", FAILED, reason="boom", since=NEW)
    assert launched([two], [replica("echo/0", LOADING), broken], "echo", ASKED_AT) is None
    assert launched([two], [replica("echo/0"), broken], "echo", ASKED_AT) == Outcome(
        False, "1 of 2 replicas failed: boom"
    )
    one = model(state=ModelState.FAILED)
    assert launched([one], [broken], "echo", ASKED_AT) == Outcome(False, "boom")


@pytest.mark.parametrize("state", [READY, FAILED])
def test_what_is_older_than_the_wish_may_be_about_to_change(state: EngineState) -> None:
    found = launched([model()], [replica("echo/0", state, since=OLD)], "echo", ASKED_AT)
    assert found is not None
    assert (found.is_ready, found.is_provisional) == (state is READY, True)


def test_a_model_that_is_gone_was_terminated_unless_it_is_yet_to_come() -> None:
    for models in ([], [model(state=ModelState.OFF, desired_replicas=0)]):
        found = launched(models, [], "echo", ASKED_AT)
        assert found == Outcome(False, "it was terminated meanwhile", is_provisional=True)


def test_a_model_that_backs_off_or_waits_for_a_place_is_on_its_way() -> None:
    backoff = replica("echo/0", EngineState.BACKOFF, since=NEW)
    assert launched([model(state=ModelState.LOADING)], [backoff], "echo", ASKED_AT) is None
    assert launched([model(state=ModelState.QUEUED)], [], "echo", ASKED_AT) is None


def test_no_replicas_wanted_is_ready_at_once() -> None:
    assert launched(
        [model(state=ModelState.QUEUED, desired_replicas=0)], [], "echo", ASKED_AT
    ) == Outcome(True)


def test_all_has_started_when_each_wanted_model_is_ready_or_has_failed() -> None:
    off = model("off", ModelState.OFF, desired_replicas=0)
    good, bad = model("good"), model("bad", ModelState.FAILED)
    ready, failed = replica("good/0"), replica("bad/0", FAILED)
    assert all_started([off, good, bad], [ready, failed])
    assert not all_started([off, good, model("bad", ModelState.LOADING)], [ready])
    assert all_started([], [])


def test_a_model_that_can_have_no_place_is_not_waited_for() -> None:
    vain = model("vain", ModelState.FAILED, replicas=0, reason="needs 40 GiB of 32")
    assert all_started([vain], [])
    outcome = launched([vain], [], "vain", asked_at=10.0)
    assert outcome is not None
    assert (outcome.is_ready, outcome.reason) == (False, "needs 40 GiB of 32")


def test_a_model_that_is_not_due_is_not_waited_for() -> None:
    resting = replace(model("rests", ModelState.QUEUED, replicas=0), is_due=False)
    assert all_started([model("good"), resting], [replica("good/0")])
    assert not all_started([replace(resting, is_due=True)], [])


def test_a_model_is_terminated_when_none_of_its_processes_is_left() -> None:
    other, stopping = replica("other/0"), replica("echo/0", EngineState.STOPPING)
    assert not terminated([other, stopping], "echo")
    assert terminated([other, replica("echo/0", EngineState.STOPPED)], "echo")
    assert terminated([other], "echo")


def test_replicas_that_were_due_have_settled_when_each_is_ready_or_has_failed() -> None:
    models = [model("a"), model("b")]
    failed = replica("b/0", EngineState.FAILED, since=20.0, reason="no luck")
    ready = replica("a/0", since=20.0)
    rising = replica("a/0", EngineState.LOADING, since=20.0)
    due = ["a/0", "b/0"]
    assert settled(models, [rising, failed], due, asked_at=10.0) is None
    assert settled(models, [failed], due, asked_at=10.0) is None
    assert settled(models, [ready, failed], due, asked_at=10.0) == {
        "a/0": Outcome(True),
        "b/0": Outcome(False, "no luck"),
    }


def test_what_is_older_than_the_wish_or_was_terminated_may_still_change() -> None:
    old = settled([model("a")], [replica("a/0", since=5.0)], ["a/0"], asked_at=10.0)
    assert old == {"a/0": Outcome(True, is_provisional=True)}
    off = settled([model("a", ModelState.OFF)], [], ["a/0"], asked_at=10.0)
    assert off is not None
    assert (off["a/0"].is_ready, off["a/0"].is_provisional) == (False, True)
