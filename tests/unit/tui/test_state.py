from tests.support import pictures
from tests.support.admin import model, replica
from xinf.client.views import Moment
from xinf.tui.state import (
    SILENCE_S,
    Changed,
    Key,
    Lost,
    Pressed,
    Seen,
    Ticked,
    Watching,
    begin,
    fold,
)


def seen(tokens: int, now: float) -> Seen:
    return Seen(pictures.status([model()], [replica(generated_tokens=tokens)]), now, 1000.0 + now)


def watching(*tokens: int) -> Watching:
    """A look each second."""
    state = begin(seen(tokens[0], 0.0))
    for at, counted in enumerate(tokens[1:], start=1):
        state = fold(state, seen(counted, float(at)))
    return state


def test_two_looks_make_a_pace() -> None:
    assert watching(0, 100).picture().rates == {"echo/0": 100.0}


def test_a_live_view_has_a_pace_from_its_first_frame_on() -> None:
    assert watching(0).picture().rates == {}


def test_a_change_is_shown_before_the_next_look() -> None:
    state = fold(watching(0), Changed(Moment((model("new"),), (), ready=True)))
    status = state.picture().status
    assert [each.name for each in status.models] == ["new"]
    assert status.devices == watching(0).status.devices


def test_seconds_pass() -> None:
    assert fold(watching(0), Ticked(2.0, 1002.0)).picture().wall == 1002.0


def test_silence_is_told() -> None:
    state = fold(watching(0), Ticked(SILENCE_S, 1000.0))
    assert state.picture().notice == ""
    state = fold(state, Ticked(SILENCE_S + 2, 1000.0))
    assert state.picture().notice == "xinf has not answered for 6.0 s"
    assert fold(state, seen(0, 7.0)).picture().notice == ""


def test_an_end_is_told_and_a_return_forgets_it() -> None:
    state = fold(watching(0, 500), Lost())
    assert "has ended" in state.picture().notice
    again = fold(state, seen(10, 9.0))
    assert again.picture().notice == ""
    assert again.picture().rates == {}


def test_keys_scroll_and_leave() -> None:
    state = watching(0)
    for key in (Key.UP, Key.DOWN, Key.PAGE_DOWN, Key.UP):
        state = fold(state, Pressed(key, page=10))
    assert (state.offset, state.is_over) == (10, False)
    assert fold(state, Pressed(Key.PAGE_UP, page=30)).offset == 0
    assert fold(state, Pressed(Key.QUIT, page=10)).is_over
