"""The few facts that are needed before a GGUF file is loaded, read from its header.

A GGUF file begins with counts and typed key-value pairs; how long a context the model was trained
for stands among the first of them, before the long vocabulary.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
VERSIONS = (2, 3)
# A header that claims more than this is damaged; the largest real ones stay below 100.
PAIRS_MAX = 100_000
TEXT_BYTES_MAX = 1 << 20

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING = 8
_ARRAY = 9


class NotGguf(Exception):
    """The file cannot be what it should be; the message says why."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """`context` is the length that the model was trained for, in tokens."""

    architecture: str
    context: int


def read_header(path: Path) -> GgufHeader:
    """Raises NotGguf, or OSError if the file cannot be read."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise NotGguf(f"{path} is not a GGUF file: it does not begin with {MAGIC.decode()}")
        try:
            return _read_pairs(file, path)
        except (struct.error, UnicodeDecodeError, KeyError, OverflowError) as error:
            raise NotGguf(f"{path} is damaged: its header cannot be read ({error!r})") from error


def _read_pairs(file: BinaryIO, path: Path) -> GgufHeader:
    version, _tensors, pairs = _unpack(file, "IQQ")
    if version not in VERSIONS or pairs > PAIRS_MAX:
        raise NotGguf(f"{path} is damaged, or GGUF of an unknown version ({version})")
    architecture = ""
    for _ in range(pairs):
        key = _read_text(file)
        value = _read_value(file, _unpack(file, "I")[0])
        if key == "general.architecture":
            architecture = str(value)
        elif key == f"{architecture}.context_length" and isinstance(value, int):
            return GgufHeader(architecture, value)
    raise NotGguf(f"{path} does not say how long a context its model takes")


def _read_value(file: BinaryIO, kind: int) -> object:
    if kind == _STRING:
        return _read_text(file)
    if kind == _ARRAY:
        return _skip_array(file)
    return _unpack(file, _SCALARS[kind])[0]


def _skip_array(file: BinaryIO) -> None:
    kind, count = _unpack(file, "IQ")
    if kind in _SCALARS:
        file.seek(count * struct.calcsize(f"<{_SCALARS[kind]}"), 1)
        return
    for _ in range(count):
        _read_value(file, kind)


def _read_text(file: BinaryIO) -> str:
    (length,) = _unpack(file, "Q")
    if length > TEXT_BYTES_MAX:
        raise OverflowError(f"a text of {length} bytes")
    return file.read(length).decode()


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    layout = f"<{layout}"
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
