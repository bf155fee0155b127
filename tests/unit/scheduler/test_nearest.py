from dataclasses import replace
from typing import Any

from tests.support.clusters import POLICY, cluster, engine, gpu, model, running, shaped, unplaced
from xinf.core.memory import Alternative, CacheGroup, MemoryShape, Sizing
from xinf.core.nodes import Device
from xinf.core.units import GIB
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import WantedModel

K = 1024
ONE = [gpu(0)]
LONG = shaped("a", 20, 128 * K)  # 20 + 16 GiB
SMALL_CACHE = Alternative(
    'kv_dtype = "fp8"',
    MemoryShape(20 * GIB, cache=(CacheGroup(32, 2048, heads=8),), cache_number_bytes=1.0),
    Sizing(128 * K),
)


def nearest(cards: list[Device], wanted: WantedModel, *others: WantedModel) -> str:
    """For `wanted` that comes when `others` are there, idle."""
    before = plan(cluster(cards, others), POLICY)
    found = plan(cluster(cards, [*others, wanted], before, running(before)), POLICY)
    return unplaced(found)[f"{wanted.name}/0"].nearest_fit


def test_a_shorter_context_if_most_of_it_is_left() -> None:
    assert nearest(ONE, LONG) == 'context = "88k"'


def test_another_cache_format_before_a_context_that_loses_more_than_half() -> None:
    offered = replace(LONG, alternatives=(SMALL_CACHE,))
    assert nearest(ONE, offered) == 'context = "88k", or kv_dtype = "fp8"'
    larger = replace(offered, sizing=Sizing(256 * K))
    assert nearest(ONE, larger) == 'kv_dtype = "fp8", or context = "88k"'
    useless = replace(larger, alternatives=(replace(SMALL_CACHE, sizing=Sizing(256 * K)),))
    assert nearest(ONE, useless) == 'context = "88k"'


def test_two_devices_where_there_are_two() -> None:
    assert nearest([gpu(0), gpu(1)], LONG) == 'context = "88k", or devices = 2'
    assert nearest([gpu(0), gpu(1, name="other")], LONG) == 'context = "88k"'


def test_the_registry_has_the_last_word_on_sharing_devices() -> None:
    no = Alternative("devices = 2", MemoryShape(999 * GIB), Sizing(128 * K, devices=2))
    wanted = replace(shaped("a", 40), alternatives=(no,))
    assert nearest([gpu(0), gpu(1)], wanted) == ""


def test_idle_models_that_matter_no_more_may_be_stopped() -> None:
    held = model("held", 20), model("small", 5)
    assert nearest(ONE, model("new", 10), *held) == "xinf terminate held"
    assert nearest(ONE, model("new", 10), model("held", 25, priority=1)) == ""
    assert nearest(ONE, model("new", 10), model("held", 25, is_pinned=True)) == ""
    assert nearest(ONE, model("new", 30), *held) == "xinf terminate held small"


def test_a_busy_model_is_not_offered_to_be_stopped() -> None:
    held = model("held", 25)
    before = plan(cluster(ONE, [held]), POLICY)
    busy = (engine("held/0", "GPU-0", is_busy=True),)
    found = plan(cluster(ONE, [held, model("new", 10)], before, busy), POLICY)
    assert unplaced(found)["new/0"].nearest_fit == ""


def test_a_model_is_not_told_to_stop_itself() -> None:
    wanted = model("a", 20, replicas=2)
    before = plan(cluster(ONE, [replace(wanted, replicas=1)]), POLICY)
    found = plan(cluster(ONE, [wanted], before, running(before)), POLICY)
    assert unplaced(found)["a/1"].nearest_fit == ""


def test_where_nothing_helps_nothing_is_said() -> None:
    more: dict[str, Any] = {"is_context_auto": True}
    assert nearest(ONE, shaped("a", 99, **more)) == ""
    assert nearest(ONE, model("a", 99)) == ""
