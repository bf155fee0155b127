from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xinf.gateway.sse import EVENT_BYTES_MAX, EventRelay, comment, event

EVENTS = st.lists(
    st.sampled_from([b"data: a\n\n", b": c\n\n", b"event: x\ndata: {}\n\n", b"data: b\r\n\r\n"]),
    max_size=12,
)


@st.composite
def pieces(draw: st.DrawFn) -> list[bytes]:
    text = b"".join(draw(EVENTS)) + draw(st.sampled_from([b"", b"data: half", b"\n"]))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(pieces())
def test_nothing_is_lost_or_reordered(some: list[bytes]) -> None:
    relay = EventRelay()
    sent = b"".join(relay.feed(piece) for piece in some)
    assert sent + relay.rest() == b"".join(some)


@given(pieces())
def test_what_is_sent_always_ends_with_a_whole_event(some: list[bytes]) -> None:
    relay = EventRelay()
    sent = b""
    for piece in some:
        sent += relay.feed(piece)
        assert sent == b"" or sent.endswith((b"\n\n", b"\r\n\r\n"))


def test_a_whole_event_is_not_held_back() -> None:
    assert EventRelay().feed(b"data: a\n\n") == b"data: a\n\n"


def test_an_endless_event_is_not_collected_for_ever() -> None:
    relay = EventRelay()
    assert relay.feed(b"x" * EVENT_BYTES_MAX) == b""
    assert len(relay.feed(b"y")) == EVENT_BYTES_MAX + 1
    assert relay.rest() == b""


def test_a_comment_is_one_line_whatever_is_in_it() -> None:
    assert comment("waiting,\n\ndata: x\r\r") == b": waiting, data: x\n\n"


def test_an_event_is_json_on_one_line() -> None:
    assert event({"error": {"message": "a\nb"}}) == b'data: {"error": {"message": "a\\nb"}}\n\n'
