import struct
from pathlib import Path

import pytest

from xinf.shim.backends.llamacpp.gguf import GgufHeader, NotGguf, read_header

UINT32, STRING, ARRAY = 4, 8, 9


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def words(*values: str) -> bytes:
    return struct.pack("<IQ", STRING, len(values)) + b"".join(map(text, values))


def header(*pairs: bytes, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs)) + b"".join(pairs)


ARCHITECTURE = pair("general.architecture", STRING, text("llama"))
NUMBERS = pair("general.numbers", ARRAY, struct.pack("<IQ3I", UINT32, 3, 1, 2, 3))
WORDS = pair("tokenizer.words", ARRAY, words("a", "bé"))
CONTEXT = pair("llama.context_length", UINT32, struct.pack("<I", 8192))


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    return path


def test_the_context_is_found_among_whatever_stands_before_it(tmp_path: Path) -> None:
    path = write(tmp_path, header(ARCHITECTURE, NUMBERS, WORDS, CONTEXT))
    assert read_header(path) == GgufHeader("llama", 8192)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04 a zip", "does not begin with GGUF"),
        (b"", "does not begin with GGUF"),
        (header(ARCHITECTURE, CONTEXT)[:60], "damaged"),
        (header(ARCHITECTURE, pair("x", 99, b"")), "damaged"),
        (header(version=77), "unknown version"),
        (header(text("k")[:8].replace(b"\x01", b"\xff") + b"\xff" * 8), "damaged"),
        (header(ARCHITECTURE), "how long a context"),
    ],
)
def test_what_is_no_gguf_is_refused_with_the_reason(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(NotGguf, match=said):
        read_header(write(tmp_path, data))
