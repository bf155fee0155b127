"""The types that settings are made of. Each says in words what it allows, for errors and editors.

What a person writes ("5m", "2GiB", "128k") becomes a plain number here and stays one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, cast

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from xinf.config.layers import as_table
from xinf.core.json import JsonObject, JsonValue
from xinf.core.models import MODEL_NAME
from xinf.core.units import MIB, parse_bytes, parse_seconds, parse_tokens

ALIAS_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._:/-]*"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a setting may be, as the end of the sentence "VALUE is not ..."."""

    words: str


def _quantity(
    parse: Callable[[str], float], *, least: float, auto: bool = False
) -> Callable[[object], float | None]:
    def read(value: object) -> float | None:
        if auto and value == "auto":
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError
        number = parse(value) if isinstance(value, str) else value
        if not math.isfinite(number) or number < least:
            raise ValueError
        return number

    return read


def _real(read: Callable[[object], float | None]) -> Callable[[object], float | None]:
    """Of one type, however it was written: 1 and 1.0 are the same to whoever compares texts."""

    def read_real(value: object) -> float | None:
        number = read(value)
        return None if number is None else float(number)

    return read_real


def _whole(read: Callable[[object], float | None]) -> Callable[[object], int | None]:
    def read_whole(value: object) -> int | None:
        number = read(value)
        if number is not None and number != int(number):
            raise ValueError
        return None if number is None else int(number)

    return read_whole


def _text_or_number(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number"}]})


_DURATION = _text_or_number(r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)?\s*$")
_SIZE = _text_or_number(r"^\s*\d+(\.\d+)?\s*[A-Za-z]*\s*$")
_TOKENS = _text_or_number(r"^(auto|\s*\d+(\.\d+)?\s*[kKmM]?\s*)$")

Seconds = Annotated[
    float,
    PlainValidator(_real(_quantity(parse_seconds, least=0.001))),
    Allowed('a duration of at least 1 ms such as "250ms", "30s", "5m" or "2h"'),
    _DURATION,
]
SecondsOrZero = Annotated[
    float,
    PlainValidator(_real(_quantity(parse_seconds, least=0))),
    Allowed('a duration such as "0s", "30s" or "5m"'),
    _DURATION,
]
Size = Annotated[
    int,
    PlainValidator(_whole(_quantity(parse_bytes, least=0))),
    Allowed('a size such as "500MB", "2GiB" or a number of bytes'),
    _SIZE,
]
CacheSize = Annotated[
    int,
    PlainValidator(_whole(_quantity(parse_bytes, least=MIB))),
    Allowed('a size of at least 1 MiB such as "512MiB" or "2GiB"'),
    _SIZE,
]
Tokens = Annotated[
    int,
    PlainValidator(_whole(_quantity(parse_tokens, least=1))),
    Allowed('a number of tokens such as 4096, "4k" or "128k"'),
    _TOKENS,
]
TokensOrAuto = Annotated[
    int | None,
    PlainValidator(_whole(_quantity(parse_tokens, least=1, auto=True))),
    Allowed('"auto" or a number of tokens such as 4096, "4k" or "128k"'),
    _TOKENS,
]

Port = Annotated[int, Field(ge=0, le=65535), Allowed("a whole number from 0 to 65535")]
Count = Annotated[int, Field(ge=1), Allowed("a whole number of at least 1")]
CountOrZero = Annotated[int, Field(ge=0), Allowed("a whole number of at least 0")]
Replicas = Annotated[int, Field(ge=0, le=1024), Allowed("a whole number from 0 to 1024")]
Rank = Annotated[int, Allowed("a whole number; higher goes first")]
Rate = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False),
    Allowed("a number of at least 0; 0 is as fast as possible"),
]
Text = Annotated[str, Field(min_length=1), Allowed("a text that is not empty")]
Texts = Annotated[
    tuple[Text, ...], Field(strict=False), Allowed('a list of texts such as ["one", "two"]')
]


def one_of(*names: str) -> Allowed:
    """Exactly these words."""
    quoted = [f'"{name}"' for name in names]
    if len(quoted) == 1:
        return Allowed(f"{quoted[0]}, the only choice there is today")
    return Allowed(f"one of {', '.join(quoted)}")


ENGINES = ("llamacpp", "vllm", "sim")


def _auto_is_none(value: object) -> object:
    return None if value == "auto" else value


EngineOrAuto = Annotated[
    Literal["llamacpp", "vllm", "sim"] | None,
    BeforeValidator(_auto_is_none),
    one_of("auto", *ENGINES),
    WithJsonSchema({"enum": ["auto", *ENGINES]}),
]
CountOrAuto = Annotated[
    int | None,
    Field(ge=1),
    BeforeValidator(_auto_is_none),
    Allowed('"auto" or a whole number of at least 1'),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}]}),
]


def _interpreter(value: object) -> str | None:
    if value == "auto":
        return None
    if not isinstance(value, str) or not Path(value).expanduser().is_absolute():
        raise ValueError
    return str(Path(value).expanduser())


PythonOrAuto = Annotated[
    str | None,
    PlainValidator(_interpreter),
    Allowed('"auto" or the absolute path of a Python interpreter'),
    WithJsonSchema({"type": "string", "pattern": "^(auto|[/~].*)$"}),
]
ActivationName = Annotated[
    Literal["auto", "preload", "on_demand", "manual"],
    one_of("auto", "preload", "on_demand", "manual"),
]
Dtype = Annotated[
    Literal["auto", "float32", "float16", "bfloat16"],
    one_of("auto", "float32", "float16", "bfloat16"),
]
CacheDtype = Annotated[
    Literal["auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2"],
    one_of("auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2"),
]
StrategyName = Annotated[
    Literal["idle_first", "pack", "spread"], one_of("idle_first", "pack", "spread")
]


def _devices(value: object) -> int | tuple[str, ...]:
    if value == "any":
        return 1
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    uuids = cast("list[object]", value) if isinstance(value, (list, tuple)) else []
    texts = tuple(uuid for uuid in uuids if isinstance(uuid, str) and uuid)
    if not texts or len(texts) != len(uuids) or len(set(texts)) != len(texts):
        raise ValueError
    return texts


Devices: TypeAlias = Annotated[
    int | tuple[str, ...],
    PlainValidator(_devices),
    Allowed('"any", how many devices share the model, or a list of device UUIDs'),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "any"},
                {"type": "integer", "minimum": 1},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            ]
        }
    ),
]
YesNo = Annotated[bool, Allowed("true or false")]

ModelName = Annotated[
    str,
    Field(pattern=rf"^{MODEL_NAME.pattern}$"),
    Allowed(
        'a model name: lower-case letters, digits, ".", "_" and "-", not beginning with a sign'
    ),
]
Alias = Annotated[
    str,
    Field(pattern=rf"^{ALIAS_PATTERN}$"),
    Allowed('an alias: letters, digits, ".", "_", ":", "/" and "-", not beginning with a sign'),
]
Aliases = Annotated[
    tuple[Alias, ...],
    Field(strict=False),
    Allowed('a list of aliases such as ["gpt-local"]: letters, digits, ".", "_", ":", "/", "-"'),
]


NOT_JSON = "not_json"


def _json(value: object, key: str) -> JsonValue:
    """`value` if it is JSON: TOML's dates, infinities and NaN are not."""
    table = as_table(value)
    if table is not None:
        return {name: _json(item, f"{key}.{name}") for name, item in table.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item, key) for item in cast("Sequence[object]", value)]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    told = {"key": key.lstrip("."), "value": str(value)}
    allowed = "a text, a number, true, false, a list or a table"
    raise PydanticCustomError(NOT_JSON, f"its {{key}} = {{value}} is not {allowed}", told)


def _json_table(value: object) -> JsonObject:
    if as_table(value) is None:
        raise ValueError
    return cast("JsonObject", _json(value, ""))


JsonTable: TypeAlias = Annotated[
    Mapping[str, JsonValue],
    PlainValidator(_json_table),
    Allowed("a table of texts, numbers, booleans, lists and tables"),
    WithJsonSchema({"type": "object"}),
]
EnvTable: TypeAlias = Annotated[
    Mapping[str, Annotated[str, Allowed("a text")]],
    Allowed('a table of texts such as { OMP_NUM_THREADS = "4" }'),
]
