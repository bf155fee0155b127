from random import Random

import pytest

from xinf.shim.backends.optional import BlocksRemoved, BlocksStored
from xinf.shim.backends.sim.cache import BlockCache, Holding

SIZE = 4


def hold(cache: BlockCache, tokens: list[int], answer: int = 0) -> Holding | None:
    return cache.admit(len(tokens), cache.names(tokens), len(tokens) + answer)


def compute(cache: BlockCache, tokens: list[int], answer: int = 0) -> Holding:
    holding = hold(cache, tokens, answer)
    assert holding is not None
    cache.fill(holding, tokens, len(tokens))
    return holding


def test_a_prompt_seen_before_is_cached_but_for_its_last_token() -> None:
    cache = BlockCache(100, SIZE)
    first = hold(cache, list(range(8)))
    assert first is not None
    assert first.named == []
    cache.fill(first, list(range(8)), 8)
    again = hold(cache, list(range(8)))
    assert again is not None
    assert again.named == first.named[:1], "the last block must be computed again"
    longer = hold(cache, list(range(9)))
    assert longer is not None
    assert longer.named == first.named


def test_only_the_common_prefix_is_shared() -> None:
    cache = BlockCache(100, SIZE)
    one = compute(cache, [1, 2, 3, 4, 5, 6, 7, 8, 9])
    other = compute(cache, [1, 2, 3, 4, 0, 0, 0, 0, 9])
    assert one.named[0] == other.named[0]
    assert one.named[1] != other.named[1]


def test_the_same_tokens_after_another_beginning_have_another_name() -> None:
    cache = BlockCache(100, SIZE)
    names = [cache.names([start, 0, 0, 0, 5, 6, 7, 8])[1] for start in (1, 2)]
    assert names[0] != names[1]


def test_stored_blocks_are_told_as_one_chain_with_their_tokens() -> None:
    cache = BlockCache(100, SIZE)
    holding = compute(cache, list(range(10)))
    (stored,) = cache.take_changes()
    assert stored == BlocksStored(
        tuple(holding.named), b"", tuple(range(8)), block_size=SIZE, medium="sim"
    )
    assert cache.take_changes() == []


def test_a_chain_that_goes_on_names_its_parent() -> None:
    cache = BlockCache(100, SIZE)
    compute(cache, list(range(5)))
    cache.take_changes()
    longer = compute(cache, list(range(9)))
    (stored,) = cache.take_changes()
    assert isinstance(stored, BlocksStored)
    assert stored.parent == longer.named[0]
    assert stored.token_ids == (4, 5, 6, 7)


def test_a_sequence_that_cannot_fit_now_must_wait() -> None:
    cache = BlockCache(4, SIZE)
    first = hold(cache, [0] * 9, answer=3)
    assert first is not None
    assert cache.used == 3
    assert hold(cache, [1] * 9) is None
    cache.release(first)
    assert cache.used == 0
    assert hold(cache, [1] * 9) is not None


def test_the_oldest_idle_blocks_go_first_and_a_chain_from_its_end() -> None:
    cache = BlockCache(4, SIZE)
    old = compute(cache, [1] * 8)
    names = list(old.named)
    cache.release(old)
    cache.release(compute(cache, [2] * 8))
    cache.take_changes()
    compute(cache, [3] * 4)
    removed = next(each for each in cache.take_changes() if isinstance(each, BlocksRemoved))
    assert removed.hashes == (names[1],)


def test_a_snapshot_tells_parents_before_children() -> None:
    cache = BlockCache(100, SIZE)
    holding = compute(cache, list(range(12)))
    told = [each.hashes[0] for each in cache.snapshot() if isinstance(each, BlocksStored)]
    assert told == holding.named


@pytest.mark.parametrize("seed", range(100))
def test_any_use_stays_within_its_blocks_and_tells_what_is_there(seed: int) -> None:
    random = Random(seed)
    cache = BlockCache(12, SIZE)
    holdings: list[Holding] = []
    known: dict[bytes, bytes] = {}
    for _ in range(200):
        if holdings and random.random() < 0.5:
            cache.release(holdings.pop(random.randrange(len(holdings))))
        else:
            prompt = [random.randrange(2) for _ in range(random.randrange(1, 20))]
            holding = hold(cache, prompt, random.randrange(9))
            if holding is not None:
                cache.fill(holding, prompt, len(prompt))
                holdings.append(holding)
        for change in cache.take_changes():
            match change:
                case BlocksStored(hashes, parent):
                    for name in hashes:
                        assert name not in known
                        assert not parent or parent in known, "a parent is told first"
                        known[name], parent = parent, name
                case BlocksRemoved(hashes):
                    for name in hashes:
                        del known[name]
        told = [each.hashes[0] for each in cache.snapshot() if isinstance(each, BlocksStored)]
        assert set(told) == set(known)
        assert all(name in known for each in holdings for name in each.named)
        assert len(set(told)) == len(told) <= 12
        assert sum(each.reserved for each in holdings) <= cache.used <= 12
    for holding in holdings:
        cache.release(holding)
    assert cache.used == 0
