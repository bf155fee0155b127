"""A scenario as a TOML file. Checked with the types, and the words, of xinf's own settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from scripts.simulator.scenario import Arrivals, Program, Scenario, Served
from xinf.config import types as t
from xinf.config.check import check
from xinf.config.explain import explain
from xinf.config.file import TomlFile, read_toml
from xinf.config.layers import KeyPath, tree
from xinf.config.load import read_defaults
from xinf.config.models import STRICT
from xinf.config.problems import ConfigInvalid, Problem, key_text, value_text
from xinf.config.settings import Settings
from xinf.core.memory import CacheGroup, MemoryShape, Sizing
from xinf.core.models import Activation
from xinf.core.nodes import Device
from xinf.core.placement import EngineConfig
from xinf.scheduler.snapshot import PlanPolicy, WantedModel

# A number in the cache takes two bytes; how many heads there are decides nothing as long as there
# are as many as devices.
NUMBER_BYTES = 2
HEADS = 64

Whole = Annotated[int, t.Allowed("a whole number")]
ActivationName = Annotated[
    Literal["auto", "preload", "on_demand"], t.one_of("auto", "preload", "on_demand")
]
PerHour = Annotated[
    float, Field(ge=0, allow_inf_nan=False, strict=False), t.Allowed("a number of at least 0")
]
Times = Annotated[
    tuple[t.SecondsOrZero, ...],
    Field(strict=False),
    t.Allowed('a list of times such as ["0s", "90s", "1.5h"]'),
]


class DeviceTable(BaseModel):
    """`[[devices]]`: `count` devices of one name."""

    model_config = STRICT

    name: t.Text
    memory: t.Size
    kind: t.Text = "cuda"
    count: t.Count = 1
    numa_node: t.CountOrZero | None = None
    hides_processes: t.YesNo = False


class ModelTable(BaseModel):
    """`[models.NAME]`: what it takes, either `memory` on each device or `weights` over all of them
    and a cache; how its engines behave; and `service`, what a request takes unless its arrivals
    say otherwise.
    """

    model_config = STRICT

    kind: t.Text = "cuda"
    memory: t.Size | None = None
    weights: t.Size | None = None
    cache_per_token: t.Size = 0
    context: t.Tokens = 8192
    context_auto: t.YesNo = False
    devices: t.Count = 1
    replicas: t.Replicas = 1
    priority: t.Rank = 0
    activation: ActivationName = "auto"
    pinned: t.YesNo = False
    load: t.SecondsOrZero = 0.0
    stop: t.SecondsOrZero = 0.0
    service: t.SecondsOrZero = 1.0
    parallel: t.Count = 1

    def served(self, name: str) -> Served:
        wanted = WantedModel(
            name=name,
            replicas=self.replicas,
            priority=self.priority,
            device_kind=self.kind,
            memory_bytes=self.memory or 0,
            config=EngineConfig("sim", "sim", "", (name,)),
            fingerprint=name,
            activation=Activation(self.activation),
            is_pinned=self.pinned,
            shape=self._shape(),
            sizing=Sizing(self.context, devices=self.devices),
            is_context_auto=self.context_auto,
            reload_s=self.load,
        )
        return Served(wanted, self.load, self.stop, self.parallel)

    def _shape(self) -> MemoryShape | None:
        if self.weights is None:
            return None
        numbers = self.cache_per_token // NUMBER_BYTES
        return MemoryShape(self.weights, cache=(CacheGroup(1, numbers, heads=HEADS),))


class ArrivalsTable(BaseModel):
    """`[[arrivals]]`: requests for one model, at given times, at random, or both."""

    model_config = STRICT

    model: t.Text
    at: Times = ()
    per_hour: PerHour = 0.0
    start: t.SecondsOrZero = 0.0
    end: t.SecondsOrZero = math.inf
    burst: t.Count = 1
    service: t.SecondsOrZero | None = None
    varies: t.YesNo = False
    priority: Whole = 20

    def arrivals(self, service_s: float, duration_s: float) -> Arrivals:
        return Arrivals(
            model=self.model,
            service_s=service_s if self.service is None else self.service,
            at=self.at,
            per_hour=self.per_hour,
            start_s=self.start,
            end_s=min(self.end, duration_s),
            burst=self.burst,
            varies=self.varies,
            priority=self.priority,
        )


class ProgramTable(BaseModel):
    """`[[programs]]`: somebody else's; `device` is its place in the list of devices, from 0."""

    model_config = STRICT

    name: t.Text
    device: t.CountOrZero
    memory: t.Size
    start: t.SecondsOrZero = 0.0
    end: t.SecondsOrZero = math.inf


class ScenarioTable(BaseModel):
    """The whole file. What is left out of `strategy` to `patience` is as xinf ships it."""

    model_config = STRICT

    title: t.Text
    duration: t.Seconds
    seed: Whole = 1
    grace: t.SecondsOrZero = 600.0
    strategy: t.StrategyName | None = None
    reserve: t.Size | None = None
    residence: t.SecondsOrZero | None = None
    patience: t.Seconds | None = None
    devices: Annotated[
        tuple[DeviceTable, ...], Field(strict=False, min_length=1), t.Allowed("a list of tables")
    ]
    models: Annotated[
        Mapping[t.ModelName, ModelTable], Field(min_length=1), t.Allowed("tables by model name")
    ]
    arrivals: Annotated[
        tuple[ArrivalsTable, ...], Field(strict=False), t.Allowed("a list of tables")
    ] = ()
    programs: Annotated[
        tuple[ProgramTable, ...], Field(strict=False), t.Allowed("a list of tables")
    ] = ()

    def scenario(self, shipped: Settings) -> Scenario:
        devices = tuple(_devices(self.devices))
        services = {name: table.service for name, table in self.models.items()}
        return Scenario(
            title=self.title,
            duration_s=self.duration,
            devices=devices,
            models=tuple(table.served(name) for name, table in self.models.items()),
            arrivals=tuple(
                table.arrivals(services[table.model], self.duration) for table in self.arrivals
            ),
            programs=tuple(
                Program(
                    table.name, devices[table.device].uuid, table.memory, table.start, table.end
                )
                for table in self.programs
            ),
            policy=self._policy(shipped),
            patience_s=self.patience or shipped.server.load_timeout,
            grace_s=self.grace,
            seed=self.seed,
        )

    def _policy(self, shipped: Settings) -> PlanPolicy:
        reserve, residence = self.reserve, self.residence
        return PlanPolicy(
            strategy=self.strategy or shipped.scheduler.strategy,
            reserve_bytes=shipped.memory.reserve if reserve is None else reserve,
            residence_s=shipped.scheduler.residence if residence is None else residence,
        )


def read_scenario(file: Path) -> Scenario:
    """Raises ConfigInvalid (CONFIG_INVALID) with everything that is wrong: file, key and value."""
    read = read_toml(file)
    try:
        table = ScenarioTable.model_validate(read.values)
    except ValidationError as error:
        raise ConfigInvalid(tuple(explain(error, ScenarioTable, read.place))) from None
    problems = tuple(_between(table, read))
    if problems:
        raise ConfigInvalid(problems)
    return table.scenario(_shipped())


def _shipped() -> Settings:
    """The settings of a machine on which nobody has set anything."""
    settings = check(tree(read_defaults()), lambda _: "")
    assert isinstance(settings, Settings)
    return settings


def _devices(tables: tuple[DeviceTable, ...]) -> Iterator[Device]:
    copies = (table for table in tables for _ in range(table.count))
    for index, table in enumerate(copies):
        yield Device(
            uuid=f"GPU-{index}",
            kind=table.kind,
            index=index,
            name=table.name,
            memory_total=table.memory,
            memory_used=0,
            numa_node=table.numa_node,
            hides_processes=table.hides_processes,
        )


def _between(table: ScenarioTable, read: TomlFile) -> Iterator[Problem]:
    """What is wrong between keys that are right by themselves."""

    def problem(path: KeyPath, number: int | None, cause: str, next_step: str) -> Problem:
        shown = path if number is None else (path[0], number, *path[1:])
        return Problem(read.place(path), key_text(shown), cause, next_step)

    for name, model in table.models.items():
        if (model.memory is None) == (model.weights is None):
            cause = "it needs one of memory and weights, and has " + (
                "neither" if model.memory is None else "both"
            )
            yield problem(("models", name), None, cause, "Write how much it takes on each device")
    known = ", ".join(table.models)
    for number, each in enumerate(table.arrivals):
        if each.model not in table.models:
            cause = f"{value_text(each.model)} is not a model of this scenario"
            yield problem(("arrivals", "model"), number, cause, f"There are: {known}")
    count = sum(each.count for each in table.devices)
    for number, program in enumerate(table.programs):
        if program.device >= count:
            cause = f"{program.device} is not the number of a device"
            yield problem(("programs", "device"), number, cause, f"They go from 0 to {count - 1}")
