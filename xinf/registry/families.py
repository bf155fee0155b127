"""Model families that xinf knows by name: what they are, and where their files come from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from xinf.config.data import config_data
from xinf.core.models import ModelSpec
from xinf.registry.sources import PypiSource, Source, parse_source

Format = Literal["gguf", "safetensors"]
Ability = Literal["chat", "generate", "embed", "tools", "vision", "reasoning"]

DEFAULT_FAMILY = "smollm2"


class FamilyInvalid(ValueError):
    """A family file that we shipped is wrong: our mistake."""


@dataclass(frozen=True, slots=True)
class LLMSpecV1:
    """One variant of a family as files. `bytes` are its weights; `kv_bytes_per_token` what one
    token of one request holds in the KV cache.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    format: Format
    size_billions: float
    quantization: str
    source: str
    bytes: int
    kv_bytes_per_token: int


@dataclass(frozen=True, slots=True)
class LLMFamilyV2:
    """A family of models. `context` is tokens that its members were trained for."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    description: str
    architecture: str
    context: int
    abilities: tuple[Ability, ...]
    specs: tuple[LLMSpecV1, ...]


_READ = TypeAdapter(LLMFamilyV2)


def load_families(folder: Path) -> tuple[LLMFamilyV2, ...]:
    """The families described in `folder`, by name. Raises FamilyInvalid."""
    return tuple(_load(path) for path in sorted(folder.glob("*.toml")))


@cache
def shipped_families() -> tuple[LLMFamilyV2, ...]:
    """The families of this installation, read once: they are part of the program."""
    return load_families(config_data("models"))


def find_spec(source: Source, families: tuple[LLMFamilyV2, ...]) -> Known | None:
    """The family and variant whose files `source` names, if that is known."""
    for family in families:
        for spec in family.specs:
            if _names_same(source, parse_source(spec.source)):
                return Known(family, spec)
    return None


@dataclass(frozen=True, slots=True)
class Known:
    """A source that a family describes."""

    family: LLMFamilyV2
    spec: LLMSpecV1


def default_model() -> ModelSpec:
    """What is served when nothing is declared."""
    family = next(each for each in shipped_families() if each.name == DEFAULT_FAMILY)
    spec = family.specs[0]
    return ModelSpec(name=family.name, source=spec.source, aliases=(spec.name,))


def _load(path: Path) -> LLMFamilyV2:
    try:
        return _READ.validate_python(tomllib.loads(path.read_text()))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise FamilyInvalid(f"{path}: {error}") from error


def _names_same(asked: Source, known: Source) -> bool:
    """Whether `asked` cannot mean anything but `known`."""
    if not isinstance(asked, PypiSource) or not isinstance(known, PypiSource):
        return False
    return (
        asked.name == known.name
        and asked.version in ("", known.version)
        and asked.file in ("", known.file)
    )
