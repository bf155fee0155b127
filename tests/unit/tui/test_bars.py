from hypothesis import given
from hypothesis import strategies as st

from xinf.tui.bars import Part, progress, stacked


def test_parts_stand_side_by_side_and_the_rest_is_a_line() -> None:
    bar = stacked([Part(50, "a"), Part(25, "b")], total=100, width=8)
    assert bar.plain == "aaaabb──"


def test_what_is_little_is_still_seen() -> None:
    assert stacked([Part(1, "a"), Part(999, "b"), Part(1, "c")], 1000, 6).plain == "abbbbc"


def test_nothing_takes_no_room() -> None:
    assert stacked([Part(0, "a"), Part(5, "b")], 10, 4).plain == "bb──"


def test_more_than_all_fills_the_bar_and_no_more() -> None:
    assert stacked([Part(300, "a"), Part(300, "b")], 100, 6).plain == "aaaaab"


def test_a_part_that_grows_does_not_shake_those_before_it() -> None:
    before = stacked([Part(33, "a"), Part(10, "b")], 100, 50).plain
    after = stacked([Part(33, "a"), Part(41, "b")], 100, 50).plain
    assert before.count("a") == after.count("a")


@given(st.lists(st.integers(0, 2**40), max_size=20), st.integers(0, 2**40), st.integers(0, 100))
def test_a_bar_is_as_wide_as_it_should_be(amounts: list[int], total: int, width: int) -> None:
    parts = [Part(amount, "x") for amount in amounts]
    assert stacked(parts, total, width).cell_len == width
    seen = sum(amount > 0 for amount in amounts)
    assert stacked(parts, total, width).plain.count("x") >= min(seen, width)


def test_progress_is_full_only_at_the_end() -> None:
    assert progress(99, 100, 10, "").plain == "━━━━━━━━━─"
    assert progress(100, 100, 10, "").plain == "━" * 10
    assert progress(150, 100, 10, "").plain == "━" * 10
    assert progress(5, 0, 4, "").plain == "────"
