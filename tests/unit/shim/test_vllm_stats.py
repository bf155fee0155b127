import pytest

from xinf.shim.backends.vllm import stats
from xinf.shim.backends.vllm.stats import Account, Step


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock whose hand a test moves."""
    hand = [100.0]
    monkeypatch.setattr(stats.time, "monotonic", lambda: hand[0])
    return hand


def test_tokens_add_up_and_the_newest_state_stands() -> None:
    account = Account()
    account.note(Step(True, 3, 0.5, prompt_tokens=10, generated_tokens=2, prefix_queries=10))
    account.note(Step(True, 1, 0.25, generated_tokens=1, prefix_queries=5, prefix_hits=4))
    assert (account.prompt_tokens, account.generated_tokens) == (10, 3)
    assert (account.prefix_queries, account.prefix_hits) == (15, 4)
    assert (account.running(9), account.kv_usage) == (1, 0.25)


def test_a_message_without_the_schedulers_numbers_does_not_say_zero() -> None:
    account = Account()
    account.note(Step(True, 3, 0.5))
    account.note(Step(generated_tokens=1))
    assert (account.running(9), account.kv_usage) == (3, 0.5)


def test_an_aborted_request_does_not_run_although_no_step_came_after_it() -> None:
    account = Account()
    account.note(Step(True, 3, 0.5))
    assert account.running(0) == 0
    assert account.running(2) == 2


def test_an_idle_engine_is_not_stalled(now: list[float]) -> None:
    account = Account()
    account.note(Step())
    now[0] += 1000
    assert account.stalled_seconds(0) == 0.0
    assert account.stalled_seconds(1) == 0.0  # its first request came just now


def test_work_without_steps_is_stalled_since_the_last_step_or_since_it_began(
    now: list[float],
) -> None:
    account = Account()
    account.note(Step())
    now[0] += 1000
    account.stalled_seconds(1)
    now[0] += 7
    assert account.stalled_seconds(1) == 7.0
    account.note(Step())
    now[0] += 2
    assert account.stalled_seconds(1) == 2.0
    assert account.stalled_seconds(0) == 0.0
    now[0] += 50
    assert account.stalled_seconds(1) == 0.0
