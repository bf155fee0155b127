from __future__ import annotations

from scripts.simulator.arrivals import Request
from scripts.simulator.lines import Lines
from xinf.scheduler.snapshot import Demand

EARLY, LATE = Request(0, "a", 10, 1), Request(1, "a", 20, 1)
URGENT, OTHER = Request(2, "a", 30, 1, priority=5), Request(3, "b", 40, 1)


def lines(*requests: Request) -> Lines:
    made = Lines()
    for request in requests:
        made.join(request)
    return made


def test_the_urgent_go_first_and_then_who_came_early() -> None:
    waiting = lines(LATE, EARLY, URGENT, OTHER)
    order: list[Request] = []
    while request := waiting.next("a"):
        order.append(request)
        waiting.leave(request)
    assert order == [URGENT, EARLY, LATE]
    assert waiting.waiting() == (OTHER,)


def test_who_has_left_cannot_leave_again() -> None:
    waiting = lines(EARLY)
    assert waiting.leave(EARLY)
    assert not waiting.leave(EARLY)
    assert not waiting.leave(OTHER)


def test_only_models_that_nobody_answers_for_are_in_demand() -> None:
    waiting = lines(LATE, EARLY, URGENT, OTHER)
    assert waiting.demand(frozenset({"b"})) == {"a": Demand(3, since=10, priority=5)}
    assert waiting.demand(frozenset({"a", "b"})) == {}
