"""Scenarios for the simulator's tests, and what must be true at every moment of any of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from scripts.simulator.arrivals import Request
from scripts.simulator.play import Moment, Play
from scripts.simulator.scenario import Scenario, Served
from scripts.simulator.tally import End, Tally
from tests.support.clusters import gpu, model
from xinf.core.nodes import Device
from xinf.core.placement import PlacementPlan
from xinf.core.states import LIVE, EngineState
from xinf.core.units import GIB
from xinf.scheduler.holdings import is_of, judge_foreign
from xinf.scheduler.snapshot import PlanPolicy

RESERVE = GIB


def served(name: str, gib: float = 10, *, parallel: int = 1, **more: Any) -> Served:
    """A model that takes 10 s to load and 1 s to stop."""
    told = {"reload_s": 10.0, **more}
    return Served(model(name, gib, **told), load_s=told["reload_s"], stop_s=1.0, parallel=parallel)


def scenario(
    models: Iterable[Served], devices: Iterable[Device] = (), duration_s: float = 600.0, **more: Any
) -> Scenario:
    """On one card of 32 GiB, of which 1 GiB is left free, unless told otherwise."""
    policy = PlanPolicy(more.pop("strategy", "idle_first"), RESERVE, more.pop("residence_s", 0.0))
    return Scenario(
        "a test", duration_s, tuple(devices) or (gpu(0),), tuple(models), policy=policy, **more
    )


def asking(*asked: tuple[float, str], service_s: float = 5.0) -> tuple[Request, ...]:
    """Requests by time and model."""
    return tuple(
        Request(number, name, at, service_s) for number, (at, name) in enumerate(sorted(asked))
    )


def play(told: Scenario, requests: tuple[Request, ...]) -> Tally:
    """To the end, with an eye on every plan."""
    tally = Play(told, requests, Watchman(told)).run()
    assert len(tally.outcomes) == len(requests)
    answered = [each for each in tally.outcomes.values() if each.end is not End.WAITING]
    assert all(each.waited_s <= told.patience_s for each in answered)
    return tally


class Watchman:
    """Fails at the first moment at which something is not as it must be."""

    def __init__(self, told: Scenario) -> None:
        self._total = {device.uuid: device.memory_total for device in told.devices}
        self._names = {model.name: model.wanted.replicas for model in told.models}

    def __call__(self, moment: Moment) -> None:
        self.nothing_is_over_committed(moment)
        self.busy_engines_stay(moment)
        self.live_engines_keep_their_numbers(moment)
        self.every_replica_is_told_of(moment.plan)

    def nothing_is_over_committed(self, moment: Moment) -> None:
        """What was there may be too much once others have grown; what is new never makes it so."""
        foreign = judge_foreign(moment.snapshot).held
        before = {entry.replica for entry in moment.snapshot.current.assignments}
        for uuid, total in self._total.items():
            here = [entry for entry in moment.plan.assignments if uuid in entry.devices]
            claimed = sum(entry.memory_bytes for entry in here)
            assert claimed <= total, moment.plan
            if any(entry.replica not in before for entry in here):
                assert claimed + foreign[uuid] + RESERVE <= total, moment.plan

    def busy_engines_stay(self, moment: Moment) -> None:
        places = {entry.replica: entry.devices for entry in moment.plan.assignments}
        wanted = {entry.replica: entry for entry in moment.snapshot.current.assignments}
        for engine in moment.snapshot.engines:
            entry = wanted.get(engine.replica)
            is_at_work = engine.is_busy and engine.state is EngineState.READY
            if is_at_work and entry is not None and is_of(engine, entry):
                assert places.get(engine.replica) == engine.devices, moment.plan

    def live_engines_keep_their_numbers(self, moment: Moment) -> None:
        """Nobody tells a running engine to take less, so that a plan must not rely on it."""
        entries = {entry.replica: entry for entry in moment.plan.assignments}
        for engine in moment.snapshot.engines:
            entry = entries.get(engine.replica)
            if engine.state in LIVE and entry is not None and is_of(engine, entry):
                held = max(engine.memory.values(), default=0)
                assert held <= entry.memory_bytes, moment.plan

    def every_replica_is_told_of(self, plan: PlacementPlan) -> None:
        told = [entry.replica for entry in (*plan.assignments, *plan.unplaced)]
        wanted = [f"{name}/{i}" for name, count in self._names.items() for i in range(count)]
        assert sorted(told) == sorted(wanted)


def with_strategy(told: Scenario, strategy: str) -> Scenario:
    return replace(told, policy=replace(told.policy, strategy=strategy))
