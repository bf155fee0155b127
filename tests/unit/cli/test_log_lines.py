from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinf.cli import log_lines
from xinf.cli.log_lines import LINE_BYTES_MAX, Lines, blocks, tail


def cut(*pieces: bytes) -> list[bytes]:
    lines = Lines()
    return [*(line for piece in pieces for line in lines.feed(piece)), *lines.finish()]


def test_lines_are_whole_however_they_arrive() -> None:
    assert cut(b"on", b"e\ntw", b"", b"o\n\nthree") == [b"one\n", b"two\n", b"\n", b"three\n"]


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    lines = Lines()
    pieces = [piece for _ in range(100) for piece in lines.feed(b"x" * LINE_BYTES_MAX)]
    assert len(pieces) == 99
    assert {len(piece) for piece in pieces} == {LINE_BYTES_MAX + 1}


def last(text: bytes, lines: int) -> list[bytes]:
    file = io.BytesIO(text)
    begin, found = tail(file, lines)
    file.seek(begin)
    shown = cut(*blocks(file))
    assert len(shown) == found
    return shown


@pytest.mark.parametrize("text", [b"a\nb\nc\n", b"a\nb\nc"])
def test_the_last_lines_with_and_without_an_end(text: bytes) -> None:
    assert last(text, 2) == [b"b\n", b"c\n"]
    assert last(text, 0) == []
    assert last(text, 9) == [b"a\n", b"b\n", b"c\n"]


def test_an_empty_file_has_no_last_line() -> None:
    assert last(b"", 5) == []


@given(st.lists(st.text("ab\n", max_size=9)).map("".join), st.integers(0, 30), st.integers(1, 9))
def test_the_last_lines_do_not_depend_on_blocks(text: str, lines: int, block: int) -> None:
    written = text.encode()
    wanted = [line + b"\n" for line in written.removesuffix(b"\n").split(b"\n")] if written else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_lines, "BLOCK_BYTES", block)
        assert last(written, lines) == (wanted[-lines:] if lines else [])


def test_a_huge_file_is_read_from_its_end_only() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    file = Counting(b"a line of some length\n" * 1_000_000)
    begin, found = tail(file, 100)
    assert (len(file.getvalue()) - begin, found) == (2200, 100)
    assert file.taken <= 2 * log_lines.BLOCK_BYTES
