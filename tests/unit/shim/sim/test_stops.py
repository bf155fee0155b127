import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinf.shim.backends.sim.stops import StopScanner

LETTERS = st.text(alphabet="ab", max_size=30)


def fed(pieces: list[str], stops: list[str]) -> tuple[str, bool]:
    scanner = StopScanner(stops)
    text = ""
    for piece in pieces:
        text += scanner.feed(piece)
        if scanner.is_stopped:
            return text, True
    return text + scanner.rest(), False


@given(st.lists(LETTERS, max_size=10), st.lists(LETTERS.filter(bool), max_size=3))
def test_the_text_ends_before_the_first_stop_string_however_it_is_cut(
    pieces: list[str], stops: list[str]
) -> None:
    text = "".join(pieces)
    ends = [end for stop in stops if (at := text.find(stop)) >= 0 for end in [at + len(stop)]]
    sent, is_stopped = fed(pieces, stops)
    assert is_stopped == bool(ends)
    assert text.startswith(sent)
    assert not any(stop in sent for stop in stops)
    if not stops:
        assert sent == text


def test_text_that_might_become_a_stop_string_is_held_back() -> None:
    scanner = StopScanner(["END"])
    assert scanner.feed("the E") == "the "
    assert scanner.feed("N") == ""
    assert scanner.feed("d") == "ENd"


@pytest.mark.parametrize("pieces", [["abEND c"], ["ab", "E", "ND c"], ["abE", "ND", " c"]])
def test_a_stop_string_across_pieces_is_found(pieces: list[str]) -> None:
    assert fed(pieces, ["END"]) == ("ab", True)


def test_what_was_held_back_in_vain_comes_at_the_end() -> None:
    assert fed(["the EN"], ["END"]) == ("the EN", False)
