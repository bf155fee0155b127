"""The rows of compatibility files as values, and the facts that their conditions ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xinf.core.json import JsonValue
from xinf.core.nodes import Device
from xinf.core.workload import Workload
from xinf.device.conditions import Condition, Facts, Term, holds

# In a list of weights or formats: all of them.
ANY = "*"


@dataclass(frozen=True, slots=True)
class Support:
    """`weights` run where `when` holds, if `needs` are met, computed in one of `dtypes` (the best
    first; none = the weights decide) with a cache in one of `kv_dtypes` beside "auto".
    """

    name: str
    when: Condition
    weights: frozenset[str]
    dtypes: tuple[str, ...] = ()
    kv_dtypes: frozenset[str] = frozenset({ANY})
    needs: Condition = field(default_factory=dict[str, tuple[Term, ...]])
    caveat: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """Applies where `when` holds and `unless` does not: refuses if it has a `refusal`, else sets
    `args` and `env` of the engine, else only warns.
    """

    name: str
    reason: str
    link: str
    when: Condition
    unless: Condition = field(default_factory=dict[str, tuple[Term, ...]])
    refusal: str = ""
    nearest: str = ""
    args: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    env: Mapping[str, str] = field(default_factory=dict[str, str])

    def applies(self, facts: Facts) -> bool:
        if holds(self.when, facts) is not True:
            return False
        return not self.unless or holds(self.unless, facts) is not True


@dataclass(frozen=True, slots=True)
class DeviceClass:
    """All of a device that a verdict may depend on: devices of one class get the same."""

    kind: str
    name: str
    compute_capability: str | None
    arch: str | None
    driver: str | None
    driver_api: str | None
    dtypes: tuple[str, ...]
    features: tuple[str, ...]
    is_unified: bool
    is_slice: bool


def class_of(device: Device) -> DeviceClass:
    return DeviceClass(
        kind=device.kind,
        name=device.name,
        compute_capability=device.compute_capability,
        arch=device.arch,
        driver=device.driver,
        driver_api=device.driver_api,
        dtypes=device.dtypes,
        features=device.features,
        is_unified=device.is_unified,
        is_slice=device.parent is not None,
    )


def facts_of(
    workload: Workload, device: DeviceClass, circumstances: Mapping[str, str]
) -> dict[str, str | Sequence[str]]:
    """What conditions may ask for; what the device does not tell is missing."""
    told: dict[str, str | Sequence[str] | None] = {
        **circumstances,
        "engine": workload.engine,
        "kind": device.kind,
        "name": device.name,
        "compute_capability": device.compute_capability,
        "arch": device.arch,
        "driver": device.driver,
        "driver_api": device.driver_api,
        "feature": device.features or None,
        "memory": "unified" if device.is_unified else "own",
        "part": "slice" if device.is_slice else "whole",
        "devices": str(workload.devices),
        "quantization": workload.quantization,
        "kv_dtype": workload.kv_dtype,
        "trait": workload.traits,
    }
    return {name: fact for name, fact in told.items() if fact is not None}
