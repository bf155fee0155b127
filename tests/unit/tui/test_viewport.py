import pytest
from rich.text import Text

from xinf.tui.viewport import viewport

LINES = [Text("head"), *(Text(str(number)) for number in range(10))]


def seen(height: int, offset: int = 0) -> list[str]:
    return [line.plain for line in viewport(LINES, 60, height, offset).lines]


def test_what_fits_is_shown_with_the_help_at_the_bottom() -> None:
    assert seen(14) == ["head", *map(str, range(10)), "", "", "q quits"]


def test_what_does_not_fit_is_counted() -> None:
    assert seen(5) == ["head", "0", "1", "2", "q quits   ↑↓ lines: 7 below"]
    assert seen(5, 4) == ["head", "4", "5", "6", "q quits   ↑↓ lines: 4 above, 3 below"]


def test_scrolling_ends_at_the_end() -> None:
    view = viewport(LINES, 60, 5, 100)
    assert view.offset == 7
    assert view.lines[1].plain == "7"
    assert viewport(LINES, 60, 20, 5).offset == 0


@pytest.mark.parametrize("height", range(30))
def test_it_is_as_high_as_the_terminal(height: int) -> None:
    assert len(seen(height)) == height or height < 3
    assert len(seen(height)) <= height
