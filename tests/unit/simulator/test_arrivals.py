from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.simulator.arrivals import requests
from scripts.simulator.scenario import Arrivals

HOUR = 3600.0
TRACE = Arrivals("a", service_s=2.0, at=(5.0, 1.0, 100.0))
RANDOM = Arrivals("b", service_s=2.0, per_hour=600, end_s=HOUR, varies=True)


def test_a_trace_arrives_in_order_and_what_comes_too_late_does_not() -> None:
    found = requests([TRACE], 50.0, seed=1)
    assert [(each.number, each.at, each.service_s) for each in found] == [(0, 1, 2), (1, 5, 2)]


def test_the_same_seed_makes_the_same_requests_and_another_one_others() -> None:
    assert requests([RANDOM], HOUR, seed=1) == requests([RANDOM], HOUR, seed=1)
    assert requests([RANDOM], HOUR, seed=1) != requests([RANDOM], HOUR, seed=2)


def test_another_source_beside_it_changes_nothing_for_a_source() -> None:
    alone = [each.at for each in requests([RANDOM], HOUR, seed=1)]
    beside = requests([RANDOM, TRACE], HOUR, seed=1)
    assert [each.at for each in beside if each.model == "b"] == alone


@pytest.mark.parametrize("burst", [1, 5])
def test_as_many_come_in_an_hour_as_the_rate_says_whatever_the_bursts(burst: int) -> None:
    counts = [len(requests([replace(RANDOM, burst=burst)], HOUR, seed=seed)) for seed in range(20)]
    assert sum(counts) / len(counts) == pytest.approx(600, rel=0.1)


def test_a_burst_comes_at_once() -> None:
    times = [each.at for each in requests([replace(RANDOM, burst=4)], HOUR, seed=1)]
    assert {times.count(at) for at in times} == {4}


def test_random_requests_keep_to_their_window() -> None:
    window = replace(RANDOM, start_s=1000.0, end_s=2000.0)
    times = [each.at for each in requests([window], HOUR, seed=1)]
    assert times
    assert all(1000 <= at < 2000 for at in times)


def test_what_varies_is_right_on_average() -> None:
    sizes = [each.service_s for seed in range(5) for each in requests([RANDOM], HOUR, seed)]
    assert sum(sizes) / len(sizes) == pytest.approx(2.0, rel=0.1)
    assert len(set(sizes)) > 1
