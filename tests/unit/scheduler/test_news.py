from tests.support.clusters import POLICY, cluster, demand, gpu, model, program, running
from xinf.core.events import Severity
from xinf.core.models import Activation
from xinf.core.placement import PlacementPlan
from xinf.core.units import GIB
from xinf.scheduler.news import describe
from xinf.scheduler.plan import plan

NOTHING = PlacementPlan()
GAME = gpu(0, memory_used=20 * GIB, processes=(program(20),))


def told(before: PlacementPlan, after: PlacementPlan) -> list[tuple[str, str]]:
    return [(event.kind, event.subject) for event in describe(before, after, 7.0)]


def test_who_gets_a_place_and_who_has_none_is_told_once() -> None:
    first = plan(cluster([gpu(0)], [model("a", 10), model("b", 40)]), POLICY)
    assert told(NOTHING, first) == [("plan.place", "a/0"), ("plan.unplaced", "b/0")]
    assert told(first, first) == []
    placed, refused = describe(NOTHING, first, 7.0)
    assert placed.message.startswith("a/0 gets a place: idle_first: 31.0 GiB free on cuda:0")
    assert (placed.at, placed.model, placed.severity) == (7.0, "a", Severity.INFO)
    assert refused.message.startswith("b/0 has no place: needs 40.0 GiB")
    assert refused.severity is Severity.WARNING


def test_giving_way_and_coming_back_are_told_with_who_took_the_memory() -> None:
    first = plan(cluster([gpu(0)], [model("a", 20)]), POLICY)
    gone = plan(cluster([GAME], [model("a", 20)], first), POLICY)
    back = plan(cluster([gpu(0)], [model("a", 20)], gone), POLICY)
    (event,) = describe(first, gone, 7.0)
    assert event.kind == "plan.yield"
    assert event.message == "a/0 gave way on cuda:0, where game (pid 4242) holds 20.0 GiB"
    assert told(gone, back) == [("plan.return", "a/0")]


def test_giving_way_to_another_device_is_a_move() -> None:
    first = plan(cluster([gpu(0)], [model("a", 20)]), POLICY)
    moved = plan(cluster([GAME, gpu(1)], [model("a", 20)], first), POLICY)
    (event,) = describe(first, moved, 7.0)
    assert event.kind == "plan.move"
    assert event.message.startswith("a/0 moved: gave way on cuda:0, where game")


def test_an_eviction_names_for_whom() -> None:
    idle, asked = model("idle", 20), model("asked", 20, demand=demand())
    first = plan(cluster([gpu(0)], [idle]), POLICY)
    after = plan(cluster([gpu(0)], [idle, asked], first, running(first)), POLICY)
    assert told(first, after) == [("plan.place", "asked/0"), ("plan.evict", "idle/0")]
    message = describe(first, after, 7.0)[1].message
    assert message == "idle/0 made room for asked/0, for which requests wait"


def test_what_is_as_it_should_be_is_no_news() -> None:
    lazy = model("lazy", activation=Activation.ON_DEMAND)
    assert told(NOTHING, plan(cluster([gpu(0)], [lazy]), POLICY)) == []
    first = plan(cluster([gpu(0)], [model("a")]), POLICY)
    assert told(first, plan(cluster([gpu(0)], [model("a", fingerprint="g")], first), POLICY)) == []
    assert told(first, NOTHING) == []
