from __future__ import annotations

import io
import json
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.published import safetensors
from xinf.registry.config_json import Unreadable
from xinf.registry.safetensors import HEADER_BYTES_MAX, Stored, read_header


def read(data: bytes, size: int | None = None) -> dict[str, Stored]:
    return dict(read_header(io.BytesIO(data), len(data) if size is None else size))


def raw(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_a_header_tells_format_shape_and_size_without_the_weights() -> None:
    header = safetensors({"a.weight": ("BF16", [3, 4]), "b": ("U8", [5])}, data=False)
    found = read(header, len(header) + 29)
    assert found == {"a.weight": Stored("BF16", (3, 4), 24), "b": Stored("U8", (5,), 5)}
    assert found["a.weight"].numbers == 12


def test_metadata_is_no_tensor_and_a_scalar_is_one_number() -> None:
    entry = {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}
    found = read(raw({"__metadata__": {"format": "pt"}, "a": entry}, bytes(4)))
    assert found["a"].numbers == 1
    assert list(found) == ["a"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "claims 0 bytes"),
        (b"GGUF", "claims"),
        (struct.pack("<Q", 2**63) + b"{}", "claims"),
        (struct.pack("<Q", 100) + b"{}", "claims 100 bytes of 2"),
        (struct.pack("<Q", 2) + b"{]", "no JSON"),
        (struct.pack("<Q", 2) + b"[]", "no object"),
        (raw({"a": 1}), "'a' wrongly"),
        (raw({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}), "'a' wrongly"),
        (raw({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 0]}}), "'a' wrongly"),
        (raw({"a": {"dtype": "F32", "shape": [1] * 17, "data_offsets": [0, 0]}}), "'a' wrongly"),
        (raw({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 1]}}, b"1"), "claims more"),
    ],
)
def test_what_is_no_header_is_said_in_words(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read(data)


def test_a_header_that_claims_to_be_huge_is_not_read() -> None:
    class Counting(io.BytesIO):
        most = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.most = max(self.most, size or 0)
            return super().read(size)

    file = Counting(struct.pack("<Q", HEADER_BYTES_MAX + 1) + b"{}")
    with pytest.raises(Unreadable):
        read_header(file, 2**50)
    assert file.most == 8


def test_a_file_that_is_shorter_than_it_was_said_to_be_is_noticed() -> None:
    whole = safetensors({"a": ("F32", [4])})
    with pytest.raises(Unreadable, match="ends within"):
        read(whole[:20], len(whole))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
ENTRY = st.fixed_dictionaries({"dtype": JSON, "shape": JSON, "data_offsets": JSON}) | JSON


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=8), ENTRY, max_size=2))
def test_any_json_is_read_or_refused(header: dict[str, object]) -> None:
    data = raw(header, bytes(16))
    try:
        found = read(data)
    except Unreadable:
        return
    assert all(each.size_bytes <= 16 for each in found.values())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(Unreadable):
        read(data)
