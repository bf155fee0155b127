from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from xinf.core.memory import (
    Basis,
    CacheGroup,
    MemoryShape,
    Sizing,
    cache_size,
    largest_context,
    need,
)

SHAPE = MemoryShape(
    weights=101,
    replicated=10,
    cache=(CacheGroup(2, 4, heads=2), CacheGroup(1, 4, window=10), CacheGroup(1, state_bytes=6)),
    activations=5,
    overhead=7,
    extras=(("LoRA slots", 3),),
)


def test_layers_keep_tokens_up_to_their_window_and_a_state_whatever_the_length() -> None:
    assert cache_size(SHAPE, Sizing(8)) == 2 * 4 * 8 * 2 + 4 * 8 * 2 + 6
    assert cache_size(SHAPE, Sizing(50)) == 2 * 4 * 50 * 2 + 4 * 10 * 2 + 6
    assert cache_size(SHAPE, Sizing(8, sequences=2.5)) == round(198 * 2.5)


def test_a_format_or_a_size_that_was_asked_for_wins() -> None:
    assert cache_size(SHAPE, Sizing(8, cache_number_bytes=1)) == 2 * 4 * 8 + 4 * 8 + 6
    assert cache_size(SHAPE, Sizing(8, cache_bytes=1234)) == 1234


def test_each_device_holds_its_share_and_what_cannot_be_divided() -> None:
    claim = need(SHAPE, Sizing(8, devices=2))
    assert claim.weights == 51 + 10
    assert claim.cache == 2 * 4 * 8 * 2 // 2 + 4 * 8 * 2 + 6
    assert claim.total == claim.weights + claim.cache + 5 + 7 + 3


def test_parts_are_named_for_people_and_say_how_sure_they_are() -> None:
    assert [name for name, _ in need(SHAPE, Sizing(8)).parts()] == [
        "weights",
        "KV cache",
        "LoRA slots",
        "activations",
        "engine",
    ]
    assumed = replace(SHAPE, basis=Basis.ASSUMED)
    assert need(assumed, Sizing(8)).basis is Basis.ASSUMED
    assert need(SHAPE, Sizing(8)).basis is Basis.ESTIMATED


@given(room=st.integers(0, 2_000_000), most=st.integers(1, 100_000), step=st.integers(1, 5000))
def test_the_largest_context_fits_and_the_next_would_not(room: int, most: int, step: int) -> None:
    sizing = Sizing(most)
    found = largest_context(SHAPE, sizing, room, step)
    if found is None:
        assert need(SHAPE, Sizing(min(step, most))).total > room
        return
    assert need(SHAPE, Sizing(found)).total <= room
    assert found == most or found % step == 0
    assert found == most or need(SHAPE, Sizing(min(found + step, most))).total > room
