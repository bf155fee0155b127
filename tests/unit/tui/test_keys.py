import pytest

from xinf.tui.keys import keys
from xinf.tui.state import Key


@pytest.mark.parametrize(
    ("sent", "pressed"),
    [
        (b"q", [Key.QUIT]),
        (b"\x1b[A\x1bOB", [Key.UP, Key.DOWN]),
        (b"jk \x1b[5~", [Key.DOWN, Key.UP, Key.PAGE_DOWN, Key.PAGE_UP]),
        (b"xyz\x1b", []),
        ("ü通".encode(), []),
        # The letters of a sequence that means nothing here are no keys: shift-left, a focus event.
        (b"\x1b[1;2Dq", [Key.QUIT]),
        (b"\x1bOq\x1b[?1q", []),
    ],
)
def test_keys_are_what_a_terminal_sends(sent: bytes, pressed: list[Key]) -> None:
    assert list(keys(sent)) == pressed
