"""What a safetensors file holds, by its header alone.

Eight bytes of length, little endian, then a JSON object: for each tensor its number format, shape,
and where it lies among the bytes that follow (the format's own README). A file is not trusted: what
it claims is checked against its size before anything is made of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from xinf.core.json import JsonValue
from xinf.registry.config_json import Unreadable

LENGTH_BYTES = 8
# The largest models split theirs over many files, whose headers are below 1 MiB each; a whole one
# of a model of experts has about 10. The format itself allows 100 MB.
HEADER_BYTES_MAX = 32 * 1024 * 1024
DIMENSIONS_MAX = 16


class Readable(Protocol):
    """A file, or something that reads like one."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        ...

    def seek(self, offset: int, /) -> int:
        """Go to `offset` from the start."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file. `dtype` is the format's name for it, e.g. "BF16"."""

    dtype: str
    shape: tuple[int, ...]
    size_bytes: int

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)


def read_header(file: Readable, file_bytes: int) -> Mapping[str, Stored]:
    """The tensors in `file`, which is `file_bytes` long, by name. Raises Unreadable and OSError."""
    file.seek(0)
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    room = file_bytes - LENGTH_BYTES
    if not 0 < length <= min(room, HEADER_BYTES_MAX):
        raise Unreadable(f"its header claims {length} bytes of {max(room, 0)}")
    text = file.read(length)
    if len(text) != length:
        raise Unreadable("it ends within its header")
    try:
        header: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("its header is no JSON") from error
    if not isinstance(header, Mapping):
        raise Unreadable("its header holds no object")
    data_bytes = room - length
    return {
        name: _stored(name, entry, data_bytes)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _stored(name: str, entry: JsonValue, data_bytes: int) -> Stored:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(begin), int(end)]}:
            sizes = tuple(each for each in shape if isinstance(each, int) and each >= 0)
            if len(sizes) == len(shape) <= DIMENSIONS_MAX and 0 <= begin <= end <= data_bytes:
                return _plausible(name, Stored(dtype, sizes, end - begin))
        case _:
            pass
    raise Unreadable(f"its header describes {name[:80]!r} wrongly")


def _plausible(name: str, stored: Stored) -> Stored:
    """No format has more than eight numbers in a byte: shapes cannot claim what is not there."""
    if stored.numbers > 8 * stored.size_bytes:
        raise Unreadable(f"{name[:80]!r} claims more numbers than it has room for")
    return stored
