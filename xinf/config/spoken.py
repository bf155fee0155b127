"""Settings that are spoken rather than written in a file: environment variables and flags.

Their values are texts. A text is taken as it is where the setting allows that text, and is read as
TOML otherwise: `XINF_SERVER__PORT=5091` is a number, `XINF_SERVER__LOAD_TIMEOUT=90s` a duration,
`XINF_SERVER__ALLOWED_HOSTS='["box"]'` a list.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from typing import cast

from pydantic import TypeAdapter, ValidationError

from xinf.config.explain import annotation_at
from xinf.config.layers import Entry, KeyPath, Origin
from xinf.config.positions import split_key
from xinf.config.problems import Problem
from xinf.config.settings import Settings

_PREFIX = "XINF_"
_SEPARATOR = "__"


def read_environment(environ: Mapping[str, str], models: Collection[str]) -> dict[KeyPath, Entry]:
    """The settings in `XINF_SECTION__KEY` variables; `models` are the names in the file.

    A model's name may hold signs that a variable cannot: `XINF_MODELS__QWEN2_5__QUEUE` means the
    model `qwen2.5` when the file has one.
    """
    found: dict[KeyPath, Entry] = {}
    for variable in sorted(environ):
        if variable.startswith(_PREFIX) and _SEPARATOR in variable:
            path = _path(variable, models)
            found[path] = Entry(_value(path, environ[variable]), Origin("env", variable))
    return found


def read_flags(
    overrides: Mapping[str, str],
) -> tuple[dict[KeyPath, Entry], tuple[Problem, ...]]:
    """The settings in `{"server.port": "5091"}`, and what is not a key at all."""
    found: dict[KeyPath, Entry] = {}
    problems: list[Problem] = []
    for dotted, text in overrides.items():
        try:
            path = split_key(dotted)
        except ValueError as error:
            problems.append(Problem("flag", dotted, str(error)))
            continue
        found[path] = Entry(_value(path, text), Origin("flag", "flag"))
    return found, tuple(problems)


def _path(variable: str, models: Collection[str]) -> KeyPath:
    written = variable.removeprefix(_PREFIX).split(_SEPARATOR)
    parts = [part.lower() for part in written]
    if parts[0] == "models" and len(parts) > 1:
        parts[1] = next((name for name in models if _spoken(name) == parts[1]), parts[1])
        if parts[2:3] == ["env"]:
            # Below `env` stand environment variables, and their case matters.
            parts[3:] = written[3:]
    return tuple(parts)


def _spoken(model: str) -> str:
    return re.sub(r"[.-]", "_", model)


def _value(path: KeyPath, text: str) -> object:
    if _allows(path, text):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _allows(path: KeyPath, text: str) -> bool:
    annotation = annotation_at(Settings, path)
    if annotation is None:
        return False
    try:
        TypeAdapter(cast("type[object]", annotation)).validate_python(text, strict=True)
    except ValidationError:
        return False
    return True
