from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xinf.core.memory import CacheGroup, MemoryShape, Sizing, largest_context, need, size_of
from xinf.core.units import MIB

groups = st.builds(
    CacheGroup,
    layers=st.integers(1, 80),
    numbers_per_token=st.integers(0, 4096),
    window=st.none() | st.integers(1, 8192),
    state_bytes=st.integers(0, 100_000),
    heads=st.sampled_from([1, 2, 8]),
)
shapes = st.builds(
    MemoryShape,
    weights=st.integers(0, 1000 * MIB),
    replicated=st.integers(0, MIB),
    cache=st.lists(groups, max_size=3).map(tuple),
    cache_number_bytes=st.sampled_from([1.0, 2.0, 4.0]),
    activations=st.integers(0, MIB),
    overhead=st.integers(0, MIB),
    extras=st.sampled_from([(), (("vision", MIB), ("draft", 7))]),
)
sizings = st.builds(
    Sizing,
    context=st.integers(1, 40_000),
    sequences=st.sampled_from([1.0, 2.5, 8.0]),
    devices=st.sampled_from([1, 2, 4]),
)


@given(shapes, sizings)
def test_a_size_is_the_total_of_its_parts(shape: MemoryShape, sizing: Sizing) -> None:
    assert size_of(shape, sizing) == need(shape, sizing).total
    assert size_of(shape, sizing) == sum(size for _, size in need(shape, sizing).parts())


@given(shapes, sizings, st.integers(0, 4000 * MIB))
def test_the_largest_context_is_the_one_that_trying_all_finds(
    shape: MemoryShape, sizing: Sizing, room: int
) -> None:
    def fits(context: int) -> bool:
        return need(shape, Sizing(context, sizing.sequences, sizing.devices)).total <= room

    tried = range(1024, sizing.context + 1, 1024)
    best = max((context for context in tried if fits(context)), default=None)
    expected = sizing.context if fits(sizing.context) else best
    assert largest_context(shape, sizing, room) == expected


def test_a_context_is_found_in_whole_steps_between_two_that_are_known() -> None:
    """32 layers of 2,048 numbers of 2 bytes: 128 KiB a token, 128 MiB for 1,024 of them."""
    shape = MemoryShape(weights=1000 * MIB, cache=(CacheGroup(32, 2048, heads=8),))
    assert largest_context(shape, Sizing(65536), 1000 * MIB + 10 * 128 * MIB) == 10 * 1024
    assert largest_context(shape, Sizing(65536), 1000 * MIB + 10 * 128 * MIB - 1) == 9 * 1024
    assert largest_context(shape, Sizing(65536), 1000 * MIB + 127 * MIB) is None
    assert largest_context(shape, Sizing(65000), 100_000 * MIB) == 65000
