from __future__ import annotations

from scripts.simulator.arrivals import Request
from scripts.simulator.tally import EVICTED, End, Held, Span, Tally
from tests.support.clusters import POLICY, cluster, demand, gpu, model, running
from xinf.scheduler.plan import plan

REQUEST = Request(0, "a", at=10.0, service_s=5.0)


def test_a_request_has_waited_until_it_got_its_place() -> None:
    tally = Tally()
    tally.arrived(REQUEST)
    tally.became(REQUEST, End.RUNNING, 13.0)
    tally.became(REQUEST, End.SERVED, 18.0)
    assert (tally.outcomes[0].end, tally.outcomes[0].waited_s) == (End.SERVED, 3.0)


def test_who_enters_where_somebody_was_evicted_has_made_a_swap() -> None:
    before = plan(cluster([gpu(0)], [model("a", 20)]), POLICY)
    both = [model("a", 20), model("b", 20, demand=demand())]
    after = plan(cluster([gpu(0)], both, before, running(before)), POLICY)
    tally = Tally()
    tally.planned(before, after, 1.0)
    tally.planned(after, after, 2.0)
    assert tally.swaps == {"b": 1}
    assert tally.changes[EVICTED, "a"] == 1
    assert tally.plans == 2


def test_memory_is_noted_when_it_changes_and_the_last_word_of_a_moment_counts() -> None:
    tally, a, b = Tally(), Held("a", 1), Held("b", 1)
    for held, now in (((), 0.0), ((a,), 5.0), ((b,), 5.0), ((b,), 6.0)):
        tally.seen("GPU-0", held, now)
    assert tally.spans["GPU-0"] == [Span(0.0), Span(5.0, (b,))]
