import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from xinf.tui.text import brief, clean, clipped, fitted, shortened, spread, wrapped


def test_nothing_that_a_terminal_obeys_is_left() -> None:
    assert clean("a\x1b[31mred\x1b[0m\tb\r\nc\x07\u202e") == "ared b c"


def test_a_brief_reason_lacks_the_sums_between_what_happened_and_what_is_short() -> None:
    assert brief("needs 2 GiB; a: 1 - 1 = 0; b: 1 - 0 = 1; short by 1 GiB") == (
        "needs 2 GiB; short by 1 GiB"
    )
    for whole in ("needs 2 GiB; short by 1 GiB", "one; two; three", "short by 1 GiB", ""):
        assert brief(whole) == whole


def test_what_does_not_fit_ends_with_an_ellipsis() -> None:
    assert clipped(Text("coder"), 5).plain == "coder"
    assert clipped(Text("coders"), 5).plain == "code…"


@pytest.mark.parametrize("width", range(1, 12))
def test_wide_characters_take_two_cells(width: int) -> None:
    assert fitted(Text("通义千问"), width).cell_len == width
    assert fitted(Text("通义千问"), width, to_right=True).cell_len == width


def test_of_a_replica_the_number_stays() -> None:
    assert shortened(Text("a-long-name/12"), 9).plain == "a-lon…/12"
    assert shortened(Text("echo/0"), 9).plain == "echo/0"
    assert shortened(Text("a-long-name"), 6).plain == "a-lon…"


def test_both_ends_or_the_left_one() -> None:
    assert spread(Text("left"), Text("right"), 12).plain == "left   right"
    assert spread(Text("left"), Text("right"), 10).plain == "left"
    assert spread(Text("left"), Text("right"), 3).plain == "le…"


def test_of_a_long_reason_the_beginning_and_the_end_are_told() -> None:
    reason = "failed\n" + "\n".join(f"line {number}" for number in range(9))
    assert wrapped(reason, 20, 4) == ["failed", "…", "line 7", "line 8"]
    assert wrapped(reason, 20, 2) == ["failed", "line 0 …"]
    assert wrapped(reason, 20, 1) == ["failed …"]
    assert len(wrapped(reason, 20, 50)) == 10


def test_no_reason_takes_no_line() -> None:
    assert wrapped("", 10, 4) == []
    assert wrapped("\n \n", 10, 4) == []


@given(st.text(), st.integers(2, 40), st.integers(1, 6))
def test_wrapped_lines_fit(text: str, width: int, lines_max: int) -> None:
    lines = wrapped(text, width, lines_max)
    assert len(lines) <= lines_max
    assert all(cell_len(line) <= width for line in lines)


@given(st.text(alphabet="ab 通", max_size=60), st.integers(2, 10))
def test_wrapping_loses_nothing_but_blanks(text: str, width: int) -> None:
    assert "".join(wrapped(text, width, 1000)).replace(" ", "") == text.replace(" ", "")
