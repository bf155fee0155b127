from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from xinf.router.pick import Decision, EndpointView, NoEndpoint, pick
from xinf.router.policies.least_connections import LeastConnections

POLICY = LeastConnections()


def view(replica: str, *, inflight: int = 0, capacity: int = 4, chosen: int = 0) -> EndpointView:
    return EndpointView(
        replica,
        "a",
        f"{replica}#1",
        inflight=inflight,
        capacity=capacity,
        chosen=chosen,
    )


@st.composite
def endpoints(draw: st.DrawFn) -> list[EndpointView]:
    names = draw(st.lists(st.integers(0, 30), unique=True, max_size=8))
    return [
        EndpointView(
            replica=f"a/{name}",
            model="a",
            instance=f"a/{name}#1",
            is_live=draw(st.booleans()),
            is_draining=draw(st.booleans()),
            inflight=draw(st.integers(0, 5)),
            capacity=draw(st.integers(0, 5)),
            chosen=draw(st.integers(0, 3)),
        )
        for name in names
    ]


def may_take(endpoint: EndpointView, avoid: frozenset[str]) -> bool:
    return (
        endpoint.is_live
        and not endpoint.is_draining
        and endpoint.inflight < endpoint.capacity
        and endpoint.instance not in avoid
    )


AVOID = st.frozensets(st.integers(0, 30).map(lambda name: f"a/{name}#1"), max_size=3)


@given(endpoints(), AVOID)
def test_the_choice_is_the_least_loaded_of_those_that_may_take_it(
    some: list[EndpointView], avoid: frozenset[str]
) -> None:
    decision = pick(some, POLICY, avoid)
    able = [endpoint for endpoint in some if may_take(endpoint, avoid)]
    if not able:
        assert isinstance(decision, NoEndpoint)
        return
    assert isinstance(decision, Decision)
    chosen = next(endpoint for endpoint in able if endpoint.replica == decision.replica)
    assert chosen.inflight == min(endpoint.inflight for endpoint in able)
    assert decision.scores.keys() == {endpoint.replica for endpoint in able}


@given(endpoints(), st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_of_the_endpoints(
    some: list[EndpointView], random: st.DataObject
) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pick(some, POLICY) == pick(shuffled, POLICY)


@given(endpoints())
def test_every_answer_says_why(some: list[EndpointView]) -> None:
    decision = pick(some, POLICY)
    assert decision.reason
    if isinstance(decision, NoEndpoint):
        assert all(endpoint.replica in decision.reason for endpoint in some)


def test_equal_replicas_take_turns() -> None:
    some = {name: view(name) for name in ("a/0", "a/1", "a/2")}
    order: list[str] = []
    for _ in range(6):
        decision = pick(some.values(), POLICY)
        assert isinstance(decision, Decision)
        order.append(decision.replica)
        before = some[decision.replica]
        some[decision.replica] = replace(before, chosen=before.chosen + 1)
    assert order == ["a/0", "a/1", "a/2", "a/0", "a/1", "a/2"]


def test_fewer_requests_outweigh_fewer_turns() -> None:
    busy, idle = view("a/0", inflight=1, chosen=1), view("a/1", inflight=0, chosen=99)
    decision = pick([busy, idle], POLICY)
    assert isinstance(decision, Decision)
    assert decision.replica == "a/1"
    assert decision.reason == "least_connections: 0, the lowest of 2"


def test_a_full_replica_is_named_as_full() -> None:
    decision = pick([view("a/0", inflight=2, capacity=2)], POLICY)
    assert decision == NoEndpoint("a/0 is full with 2 requests")


def test_without_any_replica_the_reason_says_so() -> None:
    assert pick([], POLICY) == NoEndpoint("no replica is running")
