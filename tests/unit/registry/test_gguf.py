from __future__ import annotations

import io
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.published import gguf
from xinf.registry.config_json import Unreadable
from xinf.registry.gguf import LIST_KEPT_MAX, GgufHeader, read_gguf
from xinf.registry.safetensors import Stored

Q4_K, F32 = 12, 0


def read(data: bytes, size: int | None = None) -> GgufHeader:
    return read_gguf(io.BytesIO(data), len(data) if size is None else size)


def test_settings_and_tensors_are_read_without_the_weights() -> None:
    settings = {"general.architecture": "llama", "n": 7, "x": 0.5, "yes": True, "heads": [3, 0, 3]}
    data = gguf(settings, {"a": (Q4_K, [256, 4]), "b": (F32, [5])})
    header = read(data, len(data) + 10_000)
    assert header.settings == {**settings, "heads": (3, 0, 3)}
    assert header.tensors == {"a": Stored("Q4_K", (256, 4), 4 * 144), "b": Stored("F32", (5,), 20)}


def test_of_long_lists_only_the_length_is_kept() -> None:
    words = [f"w{number}" for number in range(300)]
    header = read(gguf({"tokens": words, "scores": list(range(LIST_KEPT_MAX + 1))}, {}))
    assert header.settings == {}
    assert header.lengths == {"tokens": 300, "scores": LIST_KEPT_MAX + 1}


HEAD = b"GGUF" + struct.pack("<I", 3)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "ends within"),
        (b"nope" + bytes(20), "does not begin"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (HEAD + struct.pack("<QQ", 2**60, 0), "claims"),
        (HEAD + struct.pack("<QQ", 0, 2**60), "claims"),
        (HEAD + struct.pack("<QQQ", 0, 1, 2**40), "claims"),
        (HEAD + struct.pack("<QQQ", 0, 1, 50) + b"short", "ends within"),
        (HEAD + struct.pack("<QQQI", 0, 1, 0, 99), "kind 99"),
        (HEAD + struct.pack("<QQQIIQ", 0, 1, 0, 9, 4, 2**40), "claims"),
        (HEAD + struct.pack("<QQQI", 0, 1, 0, 9) + struct.pack("<IQ", 9, 1) * 9, "lists in lists"),
        (HEAD + struct.pack("<QQQI", 1, 0, 0, 99), "99 dimensions"),
        (HEAD + struct.pack("<QQQIQIQ", 1, 0, 0, 1, 5, 77, 0), "not known"),
        (gguf({}, {"a": (F32, [1000])}), "more weights than"),
    ],
)
def test_what_is_no_header_is_said_in_words(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read(data)


WHOLE = gguf({"general.architecture": "llama", "tokens": ["a", "b"]}, {"t": (F32, [2])}, data=8)


@given(cut=st.integers(0, len(WHOLE)), at=st.integers(0, len(WHOLE) - 1), by=st.integers(1, 255))
def test_a_damaged_file_is_read_or_refused(cut: int, at: int, by: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at] ^= by
    for data in (WHOLE[:cut], bytes(damaged)):
        with suppress(Unreadable):
            read(data)


@given(st.binary(max_size=120))
def test_any_bytes_after_the_first_are_read_or_refused(data: bytes) -> None:
    with suppress(Unreadable):
        read(HEAD + data)
