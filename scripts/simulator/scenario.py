"""What is played. Plain values: times are seconds from the beginning, sizes bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from xinf.core.nodes import Device
from xinf.scheduler.snapshot import PlanPolicy, WantedModel


@dataclass(frozen=True, slots=True)
class Served:
    """A model, and how its engines behave.

    A replica takes `load_s` to be ready and `stop_s` to be gone, and answers `parallel` requests at
    a time, each as quickly as if it were alone.
    """

    wanted: WantedModel
    load_s: float = 0.0
    stop_s: float = 0.0
    parallel: int = 1

    @property
    def name(self) -> str:
        return self.wanted.name


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests for one model: at the times of `at`, and besides at random, `per_hour` on average
    from `start_s` to `end_s`, `burst` of them at once. Each takes `service_s` to answer; `varies` =
    that is only the average. `priority` is that of requests: lower is earlier.
    """

    model: str
    service_s: float
    at: tuple[float, ...] = ()
    per_hour: float = 0.0
    start_s: float = 0.0
    end_s: float = 0.0
    burst: int = 1
    varies: bool = False
    priority: int = 20


@dataclass(frozen=True, slots=True)
class Program:
    """Somebody else's program. It takes what is free until it has `memory_bytes`, and keeps it."""

    name: str
    device: str
    memory_bytes: int
    start_s: float
    end_s: float = math.inf

    def is_on(self, now: float) -> bool:
        return self.start_s <= now < self.end_s


@dataclass(frozen=True, slots=True)
class Scenario:
    """Requests arrive until `duration_s`; then those that are left have `grace_s` to be answered.
    One that waits longer than `patience_s` gives up.
    """

    title: str
    duration_s: float
    devices: tuple[Device, ...]
    models: tuple[Served, ...]
    arrivals: tuple[Arrivals, ...] = ()
    programs: tuple[Program, ...] = ()
    policy: PlanPolicy = field(default_factory=PlanPolicy)
    patience_s: float = math.inf
    grace_s: float = 600.0
    seed: int = 1

    @property
    def end_s(self) -> float:
        return self.duration_s + self.grace_s
