from tests.support.clusters import demand, model
from xinf.core.models import Activation
from xinf.core.placement import Obstacle
from xinf.scheduler.snapshot import WantedModel
from xinf.scheduler.wishes import by_name, in_turn, is_pressing, problems, wishes


def turns(*wanted: WantedModel, running: frozenset[str] = frozenset()) -> list[str]:
    found = in_turn(wishes(by_name(wanted).values(), {}), running)
    return [wish.replica for wish in found]


def test_preloaded_models_come_first_then_those_asked_for_then_the_rest() -> None:
    assert turns(
        model("rest", priority=9),
        model("asked", demand=demand()),
        model("early", activation=Activation.PRELOAD),
    ) == ["early/0", "asked/0", "rest/0"]


def test_who_waits_longer_for_something_as_urgent_comes_first() -> None:
    assert turns(
        model("late", demand=demand(since=990)),
        model("urgent", demand=demand(since=999, priority=10)),
        model("first", demand=demand(since=900)),
        model("important", priority=1, demand=demand(since=999)),
    ) == ["urgent/0", "important/0", "first/0", "late/0"]


def test_every_model_gets_a_copy_before_any_gets_a_second_one() -> None:
    assert turns(model("a", replicas=2), model("b", replicas=2)) == ["a/0", "b/0", "a/1", "b/1"]
    assert turns(model("a"), model("b", replicas=2, priority=1)) == ["b/0", "b/1", "a/0"]


def test_who_can_go_to_one_place_only_comes_before_its_like() -> None:
    assert turns(model("a"), model("b", pins=("GPU-0",))) == ["b/0", "a/0"]


def test_requests_wait_for_the_first_copy_only() -> None:
    first, second = wishes([model("a", replicas=2, demand=demand())], {})
    assert is_pressing(first, frozenset())
    assert not is_pressing(second, frozenset())
    assert not is_pressing(first, frozenset({"a"}))


def test_of_two_models_with_one_name_one_counts() -> None:
    assert turns(model("a", 1), model("a", 2, priority=1)) == ["a/0"]


def test_what_nothing_is_known_of_is_a_problem_for_each_copy() -> None:
    broken = WantedModel("broken", 2, problem="no such file")
    pending = WantedModel("pending", 1, is_pending=True)
    nothing = WantedModel("nothing", 1)
    assert [(each.replica, each.obstacle) for each in problems([broken, pending, nothing], ())] == [
        ("broken/0", Obstacle.UNRESOLVED),
        ("broken/1", Obstacle.UNRESOLVED),
        ("pending/0", Obstacle.UNKNOWN_SIZE),
        ("nothing/0", Obstacle.UNRESOLVED),
    ]
    assert list(wishes([broken, pending, nothing], {})) == []


def test_a_strange_number_of_replicas_is_none() -> None:
    assert turns(model("a", replicas=-3)) == []
