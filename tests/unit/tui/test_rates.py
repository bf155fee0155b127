from tests.support.admin import replica
from xinf.tui.rates import WINDOW_S, Sample, rates, remembered, sample


def looks(*counters: tuple[float, int], pid: int = 1) -> tuple[Sample, ...]:
    samples: tuple[Sample, ...] = ()
    for at, tokens in counters:
        samples = remembered(samples, sample([replica(pid=pid, generated_tokens=tokens)], at))
    return samples


def test_one_look_tells_no_pace() -> None:
    assert rates(looks((0, 100))) is None


def test_the_pace_is_what_was_gained_by_the_time_it_took() -> None:
    assert rates(looks((0, 100), (1, 150), (2, 300))) == {"echo/0": 100.0}


def test_what_is_long_ago_does_not_count() -> None:
    samples = looks((0, 0), (1, 1000), (1 + WINDOW_S, 1000))
    assert rates(samples) == {"echo/0": 0.0}
    assert len(samples) == 2


def test_a_new_process_begins_anew() -> None:
    before = looks((0, 5000), (1, 6000))
    after = remembered(before, sample([replica(pid=2, generated_tokens=10)], 2))
    assert rates(after) == {"echo/0": 0.0}
    later = remembered(after, sample([replica(pid=2, generated_tokens=30)], 3))
    assert rates(later) == {"echo/0": 20.0}


def test_a_replica_that_is_gone_has_no_pace() -> None:
    assert rates(remembered(looks((0, 1)), sample([], 1))) == {}
