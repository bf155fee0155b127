from hypothesis import given
from hypothesis import strategies as st

from xinf.agent.backoff import BackoffPolicy, GiveUp, Retry, after_failure, after_hindrance

POLICY = BackoffPolicy(min_s=1, max_s=300, reset_s=600, failures_max=5, window_s=600)


def test_a_replica_that_was_healthy_for_long_restarts_at_once() -> None:
    assert after_failure(POLICY, (1.0, 2.0), healthy_s=600, now=1000) == Retry(1000, ())


def test_the_wait_doubles_with_each_failure() -> None:
    failures: tuple[float, ...] = ()
    waits = []
    for _ in range(4):
        verdict = after_failure(POLICY, failures, healthy_s=0, now=100)
        assert isinstance(verdict, Retry)
        waits.append(verdict.at - 100)
        failures = verdict.failures
    assert waits == [1, 2, 4, 8]


def test_too_many_failures_in_the_window_end_the_trying() -> None:
    failures = (97.0, 98.0, 99.0, 100.0)
    assert isinstance(after_failure(POLICY, failures, 0, now=101), GiveUp)


def test_failures_outside_the_window_do_not_count() -> None:
    failures = (97.0, 98.0, 99.0, 100.0)
    assert after_failure(POLICY, failures, 0, now=1000) == Retry(1001, (1000,))


@given(st.lists(st.floats(0, 1e6), max_size=4).map(tuple), st.floats(0, 599), st.floats(1e6, 2e6))
def test_the_wait_is_never_outside_its_bounds(
    failures: tuple[float, ...], healthy_s: float, now: float
) -> None:
    verdict = after_failure(POLICY, failures, healthy_s, now)
    if isinstance(verdict, Retry):
        assert POLICY.min_s <= verdict.at - now + 1e-6
        assert verdict.at - now <= POLICY.max_s + 1e-6


def test_what_the_machine_hinders_is_tried_again_and_counts_for_nothing() -> None:
    failures = tuple(float(at) for at in range(POLICY.failures_max))
    assert after_hindrance(failures, 5.0, 100.0) == Retry(105.0, failures)
