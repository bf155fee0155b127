"""The tables that compatibility files consist of, as pydantic checks them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from xinf.core.json import JsonValue
from xinf.device.conditions import Condition, Term, read_term
from xinf.device.rules import ANY, Rule, Support

# What may be known of a device and of what is to run on it.
FACTS: Mapping[str, str] = MappingProxyType(
    {
        "engine": "vllm, llamacpp or sim",
        "kind": "of device, as `xinf status` calls it",
        "name": "of the device",
        "compute_capability": "NVIDIA's",
        "arch": "what other vendors call theirs; of a CPU its machine",
        "driver": "version",
        "driver_api": "newest version of the vendor's API that the driver serves",
        "feature": "an instruction set of the CPU",
        "memory": "unified (the machine's) or own",
        "part": "whole, or a slice of a card",
        "devices": "how many share one replica",
        "quantization": "how the weights are stored",
        "dtype": "what is computed in",
        "kv_dtype": "of the KV cache",
        "trait": "of the model: moe, mla, sinks, embed, hybrid, vision",
    }
)
# What else may have been found out.
CIRCUMSTANCES: Mapping[str, str] = MappingProxyType(
    {
        "vllm": "version in the runtime",
        "torch": "version in the runtime",
        "cuda": "version that torch in the runtime brings with it",
        "flashinfer": "version in the runtime",
        "nccl": "version in the runtime",
        "toolkit": "version of the CUDA toolkit installed on the machine",
        "p2p": "whether devices reach each other's memory: works, broken or unproven",
    }
)

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
_ONE_OR_MORE = 'a text or a list of texts such as "cuda", ">=12.0,<13" or ["8.6", ">=9"]'


def _terms(value: object) -> tuple[Term, ...]:
    texts: list[object] = cast("list[object]", value) if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise PydanticCustomError("terms", "{said} is not " + _ONE_OR_MORE, {"said": f"{texts}"})
    try:
        return tuple(read_term(str(text)) for text in texts)
    except ValueError as error:
        told = {"said": repr(str(error))}
        raise PydanticCustomError("terms", "{said} is no range of versions", told) from None


def _condition(value: object) -> Condition:
    if not isinstance(value, dict):
        raise PydanticCustomError("condition", "{said} is not a table", {"said": repr(value)})
    table = cast("dict[str, object]", value)
    known = {**FACTS, **CIRCUMSTANCES}
    unknown = next((name for name in table if name not in known), None)
    if unknown is not None:
        told = {"said": unknown, "meant": _meant(unknown, known)}
        raise PydanticCustomError("condition", "unknown key {said}{meant}", told)
    return {name: _terms(each) for name, each in table.items()}


Terms: TypeAlias = Annotated[tuple[Term, ...], PlainValidator(_terms)]
When: TypeAlias = Annotated[Condition, PlainValidator(_condition)]
Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Texts: TypeAlias = Annotated[tuple[str, ...], Field(strict=False)]


class SupportRow(BaseModel):
    """`[[support]]`."""

    model_config = _STRICT

    name: Name
    disabled: bool = False
    engine: Terms = ()
    kind: Terms = ()
    compute_capability: Terms = ()
    arch: Terms = ()
    feature: Terms = ()
    weights: Texts = ()
    dtypes: Texts = ()
    kv_dtypes: Texts = (ANY,)
    needs: When = {}
    caveat: str = ""
    link: str = ""

    @model_validator(mode="after")
    def _whole(self) -> SupportRow:
        if not self.disabled and not (self.engine and self.weights):
            raise PydanticCustomError("whole", "it must name an engine and weights")
        return self

    def to_support(self) -> Support:
        named = ("engine", "kind", "compute_capability", "arch", "feature")
        terms: dict[str, tuple[Term, ...]] = {name: getattr(self, name) for name in named}
        return Support(
            name=self.name,
            when={name: each for name, each in terms.items() if each},
            weights=frozenset(self.weights),
            dtypes=self.dtypes,
            kv_dtypes=frozenset(self.kv_dtypes),
            needs=self.needs,
            caveat=self.caveat,
            link=self.link,
        )


class Setting(BaseModel):
    """`set` of a rule."""

    model_config = _STRICT

    args: Mapping[str, JsonValue] = {}
    env: Mapping[str, str] = {}


class RuleRow(BaseModel):
    """`[[rules]]`."""

    model_config = _STRICT

    name: Name
    disabled: bool = False
    when: When = {}
    unless: When = {}
    refuse: str = ""
    nearest: str = ""
    set: Setting | None = None
    warn: str = ""
    reason: str = ""
    link: str = ""

    @model_validator(mode="after")
    def _whole(self) -> RuleRow:
        if self.disabled:
            return self
        outcomes = (bool(self.refuse), self.set is not None, bool(self.warn))
        if sum(outcomes) != 1:
            raise PydanticCustomError("whole", "it must have one of refuse, set and warn")
        if not (self.when and self.reason):
            raise PydanticCustomError("whole", "it must say when it applies, and the reason")
        return self

    def to_rule(self) -> Rule:
        told = self.set or Setting()
        return Rule(
            name=self.name,
            reason=f"{self.warn}: {self.reason}" if self.warn else self.reason,
            link=self.link,
            when=self.when,
            unless=self.unless,
            refusal=self.refuse,
            nearest=self.nearest,
            args=told.args,
            env=told.env,
        )


class CompatibilityFile(BaseModel):
    """One file."""

    model_config = _STRICT

    support: Annotated[tuple[SupportRow, ...], Field(strict=False)] = ()
    rules: Annotated[tuple[RuleRow, ...], Field(strict=False)] = ()
    nearest: Mapping[str, Texts] = {}


def _meant(unknown: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(unknown, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else f"; there are {', '.join(known)}"
