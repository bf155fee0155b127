from xinf.core.progress import Pace, Step


def test_what_is_left_follows_from_the_mean_pace_since_the_first_step() -> None:
    pace = Pace()
    assert pace.eta_s(Step("load", 20, 100), now=50) is None
    assert pace.eta_s(Step("load", 40, 100), now=60) == 30
    assert pace.eta_s(Step("load", 100, 100), now=70) == 0


def test_another_step_begins_anew() -> None:
    pace = Pace()
    pace.eta_s(Step("download", 0, 100), now=0)
    assert pace.eta_s(Step("install", 1, 2), now=100) is None
    assert pace.eta_s(Step("install", 2, 4), now=110) == 20


def test_without_a_pace_or_an_end_nothing_is_known() -> None:
    pace = Pace()
    pace.eta_s(Step("load", 5), now=0)
    assert pace.eta_s(Step("load", 10), now=1) is None
    assert pace.eta_s(Step("load", 5, 10), now=2) is None
