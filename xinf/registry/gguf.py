"""What a GGUF file holds, by its header alone: settings, and the format and shape of each tensor.

The layout is that of ggml's docs/gguf.md. A file is not trusted: counts and lengths are bounded
before anything is made of them, and of long lists only the length is kept.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xinf.registry.config_json import Unreadable
from xinf.registry.safetensors import DIMENSIONS_MAX, Readable, Stored

MAGIC = b"GGUF"
VERSIONS = (2, 3)
# Real files have some dozens of settings, and some thousands of tensors.
SETTINGS_MAX = 65_536
TENSORS_MAX = 262_144
# The longest text in a real file is a chat template.
TEXT_BYTES_MAX = 4 * 1024 * 1024
# The longest list in a real file is that of a tokenizer's merges.
LIST_MAX = 4_194_304
# Lists up to this are kept: one value for each layer.
LIST_KEPT_MAX = 4096
# A header with the largest vocabulary known has about 20 MiB.
HEADER_BYTES_MAX = 128 * 1024 * 1024
NESTING_MAX = 4

Setting = int | float | bool | str | tuple["Setting", ...]

_STRING, _LIST, _BOOL = 8, 9, 7
_SCALARS: Mapping[int, str] = MappingProxyType(
    {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
)
# By ggml's number of a format: its name, and how many bytes a block of how many numbers takes
# (ggml-quants.h, ggml-common.h).
FORMATS: Mapping[int, tuple[str, int, int]] = MappingProxyType(
    {
        0: ("F32", 1, 4),
        1: ("F16", 1, 2),
        2: ("Q4_0", 32, 18),
        3: ("Q4_1", 32, 20),
        6: ("Q5_0", 32, 22),
        7: ("Q5_1", 32, 24),
        8: ("Q8_0", 32, 34),
        9: ("Q8_1", 32, 40),
        10: ("Q2_K", 256, 84),
        11: ("Q3_K", 256, 110),
        12: ("Q4_K", 256, 144),
        13: ("Q5_K", 256, 176),
        14: ("Q6_K", 256, 210),
        15: ("Q8_K", 256, 292),
        16: ("IQ2_XXS", 256, 66),
        17: ("IQ2_XS", 256, 74),
        18: ("IQ3_XXS", 256, 98),
        19: ("IQ1_S", 256, 50),
        20: ("IQ4_NL", 32, 18),
        21: ("IQ3_S", 256, 110),
        22: ("IQ2_S", 256, 82),
        23: ("IQ4_XS", 256, 136),
        24: ("I8", 1, 1),
        25: ("I16", 1, 2),
        26: ("I32", 1, 4),
        27: ("I64", 1, 8),
        28: ("F64", 1, 8),
        29: ("IQ1_M", 256, 56),
        30: ("BF16", 1, 2),
        34: ("TQ1_0", 256, 54),
        35: ("TQ2_0", 256, 66),
        39: ("MXFP4", 32, 17),
        40: ("NVFP4", 64, 36),
    }
)


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """Long lists are missing among `settings`; their lengths stand in `lengths`."""

    settings: Mapping[str, Setting]
    lengths: Mapping[str, int]
    tensors: Mapping[str, Stored]


def read_gguf(file: Readable, file_bytes: int) -> GgufHeader:
    """The header of `file`, which is `file_bytes` long. Raises Unreadable and OSError."""
    file.seek(0)
    reader = _Reader(file, min(file_bytes, HEADER_BYTES_MAX))
    magic, version = reader.take(4), reader.number("I")
    if magic != MAGIC:
        raise Unreadable("it does not begin as a GGUF file does")
    if version not in VERSIONS:
        raise Unreadable(f"it is of GGUF version {version}")
    tensors, settings = reader.count(TENSORS_MAX), reader.count(SETTINGS_MAX)
    found: dict[str, Setting] = {}
    lengths: dict[str, int] = {}
    for _ in range(settings):
        name, kind = reader.text(), reader.number("I")
        value = reader.value(kind)
        if isinstance(value, _Long):
            lengths[name] = value.length
        else:
            found[name] = value
    stored = dict(reader.tensor() for _ in range(tensors))
    if sum(each.size_bytes for each in stored.values()) > file_bytes:
        raise Unreadable("its header claims more weights than it has room for")
    return GgufHeader(found, lengths, stored)


@dataclass(frozen=True, slots=True)
class _Long:
    """A list that was read over."""

    length: int


class _Reader:
    """Reads on, and says in what way a file is wrong."""

    def __init__(self, file: Readable, file_bytes: int) -> None:
        self._file = file
        self._left = file_bytes

    def take(self, size: int) -> bytes:
        if size > self._left:
            raise Unreadable("it ends within its header")
        data = self._file.read(size)
        if len(data) != size:
            raise Unreadable("it ends within its header")
        self._left -= size
        return data

    def number(self, code: str) -> int:
        return struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]

    def count(self, most: int) -> int:
        value = self.number("Q")
        if value > most:
            raise Unreadable(f"its header claims {value} entries")
        return value

    def text(self) -> str:
        return self.take(self.count(TEXT_BYTES_MAX)).decode(errors="replace")

    def value(self, kind: int, depth: int = 0) -> Setting | _Long:
        if kind == _STRING:
            return self.text()
        if kind == _LIST:
            return self._list(depth)
        code = _SCALARS.get(kind)
        if code is None:
            raise Unreadable(f"its header has a value of kind {kind}")
        return self.number(code)

    def _list(self, depth: int) -> Setting | _Long:
        kind, length = self.number("I"), self.count(LIST_MAX)
        if depth >= NESTING_MAX:
            raise Unreadable("its header has lists in lists in lists")
        code = _SCALARS.get(kind)
        if code is not None:
            data = self.take(length * struct.calcsize(f"<{code}"))
            values = struct.unpack(f"<{length}{code}", data) if length <= LIST_KEPT_MAX else None
            return _Long(length) if values is None else values
        for _ in range(length):
            self.value(kind, depth + 1)
        return _Long(length)

    def tensor(self) -> tuple[str, Stored]:
        name, dimensions = self.text(), self.number("I")
        if dimensions > DIMENSIONS_MAX:
            raise Unreadable(f"{name[:80]!r} has {dimensions} dimensions")
        shape = tuple(self.number("Q") for _ in range(dimensions))
        kind = self.number("I")
        self.number("Q")  # where it lies
        if kind not in FORMATS:
            raise Unreadable(f"{name[:80]!r} is of a format that is not known ({kind})")
        form, block, block_bytes = FORMATS[kind]
        return name, Stored(form, shape, math.ceil(math.prod(shape) / block) * block_bytes)
