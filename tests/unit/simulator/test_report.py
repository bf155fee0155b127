from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from scripts.simulator.report import Row, percentile, report
from scripts.simulator.scenario import Program
from tests.support.scenarios import asking, play, scenario, served
from xinf.core.models import Activation
from xinf.core.units import GIB

TOLD = scenario(
    [served("a", 20), served("b", 20, activation=Activation.ON_DEMAND)],
    duration_s=100,
    programs=(Program("game", "GPU-0", 3 * GIB, 0),),
)
REPORT = report(TOLD, play(TOLD, asking((20, "a"), (30, "b"), (32, "b"))))


def test_each_model_has_its_row_and_all_have_one_together() -> None:
    a, b = REPORT.rows
    assert a == Row("a", 1, 1, 0, 0, 0.0, 0.0, 0.0, 1, 0, 0, 1, 0, 0)
    assert b == Row("b", 2, 2, 0, 0, 11.0, 14.0, 14.0, 1, 1, 0, 0, 0, 0)
    assert REPORT.total == Row("all", 3, 3, 0, 0, 11.0, 14.0, 14.0, 2, 1, 0, 1, 0, 0)
    assert REPORT.unserved == 0


def test_a_device_tells_how_much_of_its_time_and_memory_was_used() -> None:
    (lane,) = REPORT.lanes
    assert lane.busy == (5 + 5 + 5) / 100
    assert lane.held == 20 / 32  # one or the other, be it only loading or about to go
    assert lane.spans[0].at == 0.0


def test_nobody_waits_where_nobody_asks() -> None:
    quiet = report(TOLD, play(TOLD, ()))
    assert (quiet.total.wait_p50_s, quiet.total.wait_longest_s) == (None, 0.0)


def test_all_of_it_is_json() -> None:
    told = json.loads(json.dumps(REPORT.as_json()))
    assert told["all"]["served"] == 3
    assert [row["model"] for row in told["models"]] == ["a", "b"]
    names = {held["name"] for span in told["devices"][0]["memory"] for held in span["held"]}
    assert names == {"a", "b", "game"}
    assert "plan.evict" in {event["kind"] for event in told["events"]}


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_one_of_the_values_and_so_many_do_not_exceed_it(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values)


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile([], 0.5) is None
