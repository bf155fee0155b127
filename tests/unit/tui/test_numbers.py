import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinf.tui.numbers import count, share


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (212.4, "212"),
        (9999, "9999"),
        (9999.6, "10.0k"),
        (12_345, "12.3k"),
        (123_456, "123k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (45_000_000, "45.0M"),
        (1_250_000_000, "1.2G"),
    ],
)
def test_counts_are_short(amount: float, text: str) -> None:
    assert count(amount) == text


@given(st.floats(0, 9e11))
def test_a_count_takes_five_cells_at_most(amount: float) -> None:
    assert len(count(amount)) <= 5


def test_a_share_is_whole_percent_within_bounds() -> None:
    assert [share(part) for part in (0.0, 0.381, 1.0, 7.0)] == ["0%", "38%", "100%", "100%"]
