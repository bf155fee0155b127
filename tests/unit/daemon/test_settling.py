from tests.support.clusters import engine
from xinf.core.states import EngineState
from xinf.daemon.settling import SETTLE_S, Settling


def test_a_device_is_unsettled_for_a_while_after_an_engine_came_or_went() -> None:
    settling = Settling()
    settling.note([engine("a/0", "GPU-0"), engine("b/0", "GPU-1")], 0.0)
    later = SETTLE_S + 1
    assert settling.unsettled(later) == frozenset()
    settling.note([engine("b/0", "GPU-1")], later)
    assert settling.unsettled(later) == {"GPU-0"}
    assert settling.unsettled(later + SETTLE_S / 2) == {"GPU-0"}
    assert settling.unsettled(later + SETTLE_S) == frozenset()


def test_an_engine_that_has_just_begun_to_serve_or_to_rest_counts_too() -> None:
    settling = Settling()
    settling.note([engine("a/0", "GPU-0", state=EngineState.LOADING)], 0.0)
    settling.note([engine("a/0", "GPU-0")], 20.0)
    assert settling.unsettled(20.0) == {"GPU-0"}
    settling.note([engine("a/0", "GPU-0", state=EngineState.BACKOFF)], 40.0)
    assert settling.unsettled(40.0) == {"GPU-0"}
    settling.note([engine("a/0", "GPU-0", state=EngineState.FAILED)], 60.0)
    assert settling.unsettled(60.0) == frozenset()
