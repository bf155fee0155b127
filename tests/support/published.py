"""Published models as fixtures: config.json without what no size depends on (tests/support/models;
docs/memory.md names the source of each), and files that look like theirs.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.tree import ROOT
from xinf.core.facts import ModelFacts
from xinf.registry.config_json import Table, parse_config
from xinf.registry.examine import facts_from

HOME = ROOT / "tests" / "support" / "models"
BYTES = {"F32": 4, "BF16": 2, "F16": 2, "I32": 4, "I64": 8, "U8": 1, "F8_E4M3": 1}


def names() -> list[str]:
    return sorted(path.stem for path in HOME.glob("*.json"))


def config(name: str, **changes: object) -> Table:
    told = parse_config((HOME / f"{name}.json").read_bytes())
    return Table({**told.members, **changes})  # type: ignore[arg-type]


def facts(name: str, **changes: object) -> ModelFacts:
    """What config.json alone tells."""
    return facts_from(config(name, **changes), {}, ModelFacts(f"hf:published/{name}"))


def safetensors(tensors: Mapping[str, tuple[str, Sequence[int]]], data: bool = True) -> bytes:
    """A file of zeros; without `data` only its header."""
    header: dict[str, Any] = {}
    end = 0
    for name, (dtype, shape) in tensors.items():
        size = BYTES[dtype]
        for each in shape:
            size *= each
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end if data else 0)


def folder(path: Path, name: str, tensors: Mapping[str, tuple[str, Sequence[int]]]) -> Path:
    """A model's folder with one file of weights."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_bytes((HOME / f"{name}.json").read_bytes())
    (path / "model.safetensors").write_bytes(safetensors(tensors))
    return path


def gguf(
    settings: Mapping[str, object], tensors: Mapping[str, tuple[int, Sequence[int]]], data: int = 0
) -> bytes:
    """A GGUF file: tensors by ggml's number of their format, and shape."""
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(settings)))
    for name, value in settings.items():
        out += _text(name) + _value(value)
    for name, (kind, shape) in tensors.items():
        out += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, 0)
    return bytes(out) + bytes(data)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: object) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<IQ", 10, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _text(value)
        case [str(), *_]:
            texts = b"".join(map(_text, value))  # type: ignore[arg-type]
            return struct.pack("<IIQ", 9, 8, len(value)) + texts
        case [*numbers]:
            return struct.pack(f"<IIQ{len(numbers)}i", 9, 5, len(numbers), *numbers)
    raise AssertionError(value)
