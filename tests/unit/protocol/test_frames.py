from hypothesis import given
from hypothesis import strategies as st

from xinf.protocol.frames import FRAME_BYTES_MAX, split


@given(st.binary(max_size=400), st.integers(1, 50))
def test_pieces_join_to_what_was_split_and_none_is_longer_than_the_limit(
    data: bytes, limit: int
) -> None:
    pieces = list(split(data, limit))
    assert b"".join(pieces) == data
    assert all(len(piece) <= limit for piece in pieces)
    assert all(pieces) or pieces == [b""]


def test_nothing_is_one_empty_piece() -> None:
    assert list(split(b"")) == [b""]


def test_a_frame_is_64_kib() -> None:
    assert [len(piece) for piece in split(bytes(FRAME_BYTES_MAX + 1))] == [65536, 1]
