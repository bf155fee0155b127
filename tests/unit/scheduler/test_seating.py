from dataclasses import replace

from tests.support.clusters import POLICY, cluster, gpu, model, running, shaped
from xinf.core.placement import ReplicaAssignment
from xinf.core.units import GIB
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import WantedModel


def entries(*wanted: WantedModel, cards: int = 1) -> dict[str, ReplicaAssignment]:
    devices = [gpu(index) for index in range(cards)]
    return {each.replica: each for each in plan(cluster(devices, wanted), POLICY).assignments}


def auto(name: str, weights: int = 10, context: int = 128 * 1024) -> WantedModel:
    return shaped(name, weights, context, is_context_auto=True)


def test_an_automatic_context_takes_the_room_there_is_and_says_so() -> None:
    entry = entries(auto("a", 20))["a/0"]
    assert (entry.memory_bytes, entry.context) == (31 * GIB, 88 * 1024)
    assert entry.cache_bytes == 11 * GIB
    assert entry.why == (
        "idle_first: 31.0 GiB free on cuda:0; takes 31.0 GiB with a context of 90,112 tokens, "
        "the largest that fits (of 131,072)"
    )


def test_it_takes_no_more_than_the_model_allows() -> None:
    entry = entries(auto("a", 10, 64 * 1024))["a/0"]
    assert (entry.memory_bytes, entry.context) == (18 * GIB, 64 * 1024)
    assert "with its whole context of 65,536 tokens" in entry.why


def test_two_on_one_device_share_what_is_left() -> None:
    found = entries(auto("a", 10), auto("b", 11))
    assert [found[name].context for name in ("a/0", "b/0")] == [40 * 1024, 40 * 1024]


def test_what_one_cannot_use_the_other_gets() -> None:
    found = entries(auto("a", 10, 8 * 1024), auto("b", 11))
    assert found["a/0"].context == 8 * 1024
    assert found["b/0"].memory_bytes == 20 * GIB


def test_it_goes_where_it_can_have_all_of_its_context() -> None:
    there = model("there", 16, pins=("GPU-1",))
    assert entries(there, auto("a", 20), cards=2)["a/0"].devices == ("GPU-0",)


def test_what_runs_neither_grows_nor_shrinks_when_others_come_or_go() -> None:
    cards = [gpu(0)]
    before = plan(cluster(cards, [auto("a"), auto("b", 11)]), POLICY)
    alone = plan(cluster(cards, [auto("a")], before, running(before)), POLICY)
    assert alone.assignments == (before.assignments[0],)


def test_a_declared_context_has_no_place_in_the_assignment_but_its_cache_has() -> None:
    entry = entries(shaped("a", 10, 64 * 1024))["a/0"]
    assert (entry.context, entry.cache_bytes) == (None, 8 * GIB)
    assert entry.why == "idle_first: 31.0 GiB free on cuda:0, needs 18.0 GiB (estimated)"


def test_a_new_name_in_the_settings_reaches_a_kept_assignment() -> None:
    before = plan(cluster([gpu(0)], [model("a")]), POLICY)
    renamed = model("a")
    assert renamed.config is not None
    renamed = replace(renamed, config=replace(renamed.config, served_names=("a", "alias")))
    found = plan(cluster([gpu(0)], [renamed], before), POLICY)
    assert found.assignments[0].config.served_names == ("a", "alias")
