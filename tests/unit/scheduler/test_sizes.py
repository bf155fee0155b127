from dataclasses import replace

from tests.support.clusters import gpu, model, shaped
from xinf.core.memory import Basis, MemoryShape, Sizing
from xinf.core.nodes import Device
from xinf.core.units import GIB
from xinf.scheduler.sizes import (
    CONTEXT_FLOOR,
    Size,
    is_elastic,
    largest_size,
    smallest_size,
    whole_bytes,
)

CPU = Device("cpu", "cpu", 0, "some cpu", 64 * GIB, 0)
FIXED = shaped("a", 10, 64 * 1024)
ELASTIC = shaped("a", 10, 64 * 1024, is_context_auto=True)


def test_a_declared_size_is_taken_as_it_is() -> None:
    assert smallest_size(model("a", 5), gpu(0)) == Size(5 * GIB, Basis.DECLARED)


def test_a_shape_is_worked_out_with_the_cache_that_the_engine_is_told() -> None:
    assert smallest_size(FIXED, gpu(0)) == Size(18 * GIB, Basis.ESTIMATED, cache_bytes=8 * GIB)


def test_on_a_cpu_the_size_of_the_cache_is_a_setting_and_not_told() -> None:
    assert smallest_size(FIXED, CPU).cache_bytes is None


def test_a_model_without_a_cache_is_told_nothing_of_one() -> None:
    assert smallest_size(model("a", shape=MemoryShape(GIB)), gpu(0)).cache_bytes is None


def test_what_was_measured_comes_before_what_was_worked_out() -> None:
    measured = replace(FIXED, measured={"card": 17 * GIB})
    assert smallest_size(measured, gpu(0)) == Size(17 * GIB, Basis.MEASURED, None, 8 * GIB)
    assert smallest_size(measured, gpu(0, name="other")).basis is Basis.ESTIMATED


def test_nonsense_counts_as_nothing() -> None:
    assert smallest_size(model("a", -5), gpu(0)).bytes == 0
    assert smallest_size(model("a", measured={"card": -5}), gpu(0)).bytes == 0


def test_an_automatic_context_is_placed_small_and_grows_into_what_is_left() -> None:
    small = smallest_size(ELASTIC, gpu(0))
    assert (small.context, small.bytes) == (CONTEXT_FLOOR, 10 * GIB + GIB // 4)
    large = largest_size(ELASTIC, gpu(0), 12 * GIB)
    assert large == Size(12 * GIB, Basis.ESTIMATED, 16 * 1024, 2 * GIB)
    assert whole_bytes(ELASTIC, gpu(0)) == 18 * GIB


def test_what_was_measured_beside_the_cache_serves_for_any_context() -> None:
    measured = replace(ELASTIC, measured={"card": 30 * GIB}, beside_cache={"card": 12 * GIB})
    small = smallest_size(measured, gpu(0))
    assert (small.bytes, small.basis) == (12 * GIB + GIB // 4, Basis.MEASURED)
    assert largest_size(measured, gpu(0), 14 * GIB) == Size(
        14 * GIB, Basis.MEASURED, 16 * 1024, 2 * GIB
    )
    assert whole_bytes(measured, gpu(0)) == 20 * GIB
    assert smallest_size(measured, gpu(0, name="other")).basis is Basis.ESTIMATED


def test_less_than_a_context_worth_having_does_not_fit() -> None:
    assert largest_size(ELASTIC, gpu(0), 10 * GIB + GIB // 8) is None
    tiny = shaped("a", 10, 1000, is_context_auto=True)
    assert smallest_size(tiny, gpu(0)).context == 1000


def test_a_declared_context_never_shrinks() -> None:
    assert not is_elastic(FIXED)
    assert largest_size(FIXED, gpu(0), 17 * GIB) is None
    assert whole_bytes(FIXED, gpu(0)) is None


def test_a_cache_of_a_given_size_leaves_no_context_to_choose() -> None:
    told = shaped("a", 10, is_context_auto=True, sizing=Sizing(65536, cache_bytes=GIB))
    assert not is_elastic(told)
    assert smallest_size(told, gpu(0)).bytes == 11 * GIB
