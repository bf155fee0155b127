from collections.abc import Sequence
from random import Random

import pytest

from xinf.shim.backends.optional import BlocksCleared, BlocksRemoved, BlocksStored, KVChange
from xinf.shim.backends.vllm.residency import Residency, Stored

SIZE = 4


def names(text: str) -> tuple[bytes, ...]:
    return tuple(letter.encode() for letter in text)


def tokens(text: str) -> tuple[int, ...]:
    """Four tokens for each letter."""
    return tuple(ord(letter) * 10 + place for letter in text for place in range(SIZE))


def stored(text: str, parent: str = "", is_plain: bool = True) -> Stored:
    return Stored(names(text), parent.encode(), tokens(text), SIZE, "GPU", is_plain)


def told(text: str, parent: str = "") -> BlocksStored:
    return BlocksStored(names(text), parent.encode(), tokens(text), SIZE, "GPU")


class Followed:
    """A residency with somebody who listens."""

    def __init__(self) -> None:
        self.residency = Residency()
        self.changes: list[KVChange] = []
        self.residency.listeners.add(self.changes.extend)
        self._number = 0

    def follow(self, *news: Stored | BlocksRemoved | BlocksCleared, skipped: int = 0) -> None:
        self._number += skipped
        self.residency.follow(self._number, news)
        self._number += 1

    @property
    def snapshot(self) -> Sequence[KVChange]:
        return self.residency.snapshot()


def test_what_is_stored_is_told_at_once_and_as_a_whole_to_whoever_comes_later() -> None:
    cache = Followed()
    cache.follow(stored("ab"))
    cache.follow(stored("c", parent="b"))
    assert cache.changes == [told("ab"), told("c", "b")]
    assert cache.snapshot == (told("a"), told("b", "a"), told("c", "b"))


def test_what_is_removed_is_gone_and_what_was_never_known_is_not_told() -> None:
    cache = Followed()
    cache.follow(stored("ab"), BlocksRemoved(names("bx"), "GPU"), BlocksRemoved(names("y")))
    assert cache.changes[1:] == [BlocksRemoved(names("b"), "GPU")]
    assert cache.snapshot == (told("a"),)


def test_the_same_content_in_a_second_block_is_told_once() -> None:
    cache = Followed()
    cache.follow(stored("b"))
    cache.changes.clear()
    cache.follow(stored("abcd"))
    assert cache.changes == [told("a"), told("cd", "b")]


def test_a_block_that_is_not_made_of_tokens_alone_is_not_told_nor_what_stands_upon_it() -> None:
    cache = Followed()
    cache.follow(stored("ab", is_plain=False), stored("c", parent="b"))
    assert cache.changes == []
    assert cache.snapshot == ()


def test_a_cleared_cache_is_told_once() -> None:
    cache = Followed()
    cache.follow(stored("a"), BlocksCleared())
    cache.follow(BlocksCleared())
    assert cache.changes == [told("a"), BlocksCleared()]
    assert cache.snapshot == ()


def test_a_message_that_was_missed_makes_everything_before_it_worthless() -> None:
    cache = Followed()
    cache.follow(stored("ab"))
    cache.follow(stored("x"), skipped=1)
    assert cache.changes == [told("ab"), BlocksCleared(), told("x")]
    assert cache.snapshot == (told("x"),)


def test_the_first_message_may_have_any_number() -> None:
    cache = Followed()
    cache.follow(stored("a"), skipped=7)
    assert cache.changes == [told("a")]


def test_a_listener_that_left_is_not_told() -> None:
    cache = Followed()
    cache.residency.listeners.clear()
    cache.follow(stored("a"))
    assert cache.changes == []


@pytest.mark.parametrize("seed", range(100))
def test_changes_and_snapshot_always_tell_the_same_with_parents_first(seed: int) -> None:
    random, cache, followed = Random(seed), Followed(), dict[bytes, bytes]()
    for _ in range(60):
        # A name never stands before itself: hashes make no loops.
        parent, *rest = sorted(random.sample("abcdefgh", random.randint(2, 5)))
        text = "".join(rest)
        cache.follow(
            random.choice([stored(text, parent), BlocksRemoved(names(text)), stored(text)]),
            skipped=random.random() < 0.02,
        )
    for change in cache.changes:
        match change:
            case BlocksStored(hashes, first):
                followed |= dict(zip(hashes, (first, *hashes), strict=False))
            case BlocksRemoved(hashes):
                for name in hashes:
                    del followed[name]
            case BlocksCleared():
                followed.clear()
    whole: dict[bytes, bytes] = {}
    for change in cache.snapshot:
        assert isinstance(change, BlocksStored)
        assert change.parent in whole or change.parent not in followed
        whole[change.hashes[0]] = change.parent
    assert whole == followed
