"""What a plan costs, and how good it is.

    python scripts/bench_scheduler.py
    python scripts/bench_scheduler.py --models 100 --devices 8 --runs 50 --json out.json

Times `plan` for a large machine in four situations (nothing runs yet; the plan is in force;
requests wait for a fifth of the models; another program has taken memory) and the estimate of what
a model takes, and tells how much memory the process took. Then compares the plans of small random
machines with those of an exhaustive search (tests/support/oracle.py).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.oracle import STRATEGIES, Comparison, compare
from tests.support.published import facts, names
from xinf.core.memory import Alternative, CacheGroup, MemoryShape, Sizing, need
from xinf.core.nodes import Device, DeviceProcess, NodeStatus
from xinf.core.placement import EngineConfig, PlacementPlan
from xinf.core.states import EngineState
from xinf.core.units import GIB, MIB
from xinf.registry.footprint import Run, estimate
from xinf.scheduler.plan import plan
from xinf.scheduler.snapshot import ClusterSnapshot, Demand, EngineView, PlanPolicy, WantedModel

POLICY = PlanPolicy(reserve_bytes=GIB, residence_s=30.0)
NOW = 10_000.0
# Cards with the share of a machine that they make up.
CARDS = (("RTX 5090", 32, 4), ("RTX 3090", 24, 2), ("H100", 80, 2))

Figures = dict[str, float]


def machine(devices: int) -> NodeStatus:
    names = [(name, gib) for name, gib, share in CARDS for _ in range(share)]
    return NodeStatus("local", tuple(card(i, *names[i % len(names)]) for i in range(devices)))


def card(index: int, name: str, gib: int) -> Device:
    desktop = DeviceProcess(1000 + index, "desktop", 400 * MIB)
    return Device(
        uuid=f"GPU-{index:04d}",
        kind="cuda",
        index=index,
        name=name,
        memory_total=gib * GIB,
        memory_used=desktop.memory_bytes,
        processes=(desktop,),
        numa_node=index % 2,
    )


def wanted(chance: random.Random, number: int) -> WantedModel:
    """A transformer of 0.5 to 30 GiB, half of them with whatever context there is room for."""
    layers = chance.choice((16, 28, 32, 48, 64))
    shape = MemoryShape(
        weights=int(chance.lognormvariate(1.5, 1.0) * GIB),
        cache=(CacheGroup(layers, numbers_per_token=2048, heads=8),),
        activations=512 * MIB,
        overhead=GIB,
    )
    context, devices = chance.choice((4096, 8192, 32768, 131072)), chance.choice((1,) * 9 + (2,))
    sizing = Sizing(context, devices=devices)
    small = Alternative('kv_dtype = "fp8"', shape, replace(sizing, cache_number_bytes=1.0))
    name = f"model-{number:04d}"
    return WantedModel(
        name=name,
        replicas=chance.choice((1, 1, 1, 2)),
        priority=chance.randint(0, 3),
        device_kind="cuda",
        config=EngineConfig("vllm", "vllm-cuda", f"hf:org/{name}", (name,)),
        fingerprint=name,
        shape=shape,
        sizing=sizing,
        is_context_auto=chance.random() < 0.5,
        alternatives=(small,),
        reload_s=chance.uniform(5, 60),
    )


def engines(of: PlacementPlan) -> tuple[EngineView, ...]:
    return tuple(
        EngineView(
            entry.replica,
            EngineState.READY,
            entry.devices,
            entry.fingerprint,
            memory=dict.fromkeys(entry.devices, entry.memory_bytes),
            is_busy=number % 4 == 0,
            last_used=float(number),
        )
        for number, entry in enumerate(of.assignments)
    )


def situations(models: int, devices: int) -> dict[str, ClusterSnapshot]:
    chance = random.Random(5)
    wishes = tuple(wanted(chance, number) for number in range(models))
    empty = ClusterSnapshot((machine(devices),), wishes, now=NOW)
    first = plan(empty, POLICY)
    running = tuple(
        (entry.replica, uuid, entry.memory_bytes)
        for entry in first.assignments
        for uuid in entry.devices
    )
    busy = replace(empty, nodes=(told(empty.nodes[0], running),), current=first)
    busy = replace(busy, engines=engines(first))
    asked = tuple(
        replace(model, demand=Demand(1, NOW - number)) if number % 5 == 0 else model
        for number, model in enumerate(wishes)
    )
    return {
        "nothing runs yet": empty,
        "the plan is in force": busy,
        "requests wait for a fifth": replace(busy, wanted=asked),
        "a program takes 8 GiB of each": replace(busy, nodes=(grown(busy.nodes[0]),)),
    }


def told(node: NodeStatus, held: tuple[tuple[str, str, int], ...]) -> NodeStatus:
    """The machine as its driver shows it while engines run."""
    ours: dict[str, list[DeviceProcess]] = {}
    for number, (replica, uuid, size) in enumerate(held):
        ours.setdefault(uuid, []).append(DeviceProcess(5000 + number, "engine", size, replica))
    return replace(
        node,
        devices=tuple(
            replace(
                device,
                memory_used=device.memory_used
                + sum(process.memory_bytes for process in ours.get(device.uuid, ())),
                processes=(*device.processes, *ours.get(device.uuid, ())),
            )
            for device in node.devices
        ),
    )


def grown(node: NodeStatus) -> NodeStatus:
    game = DeviceProcess(77, "game", 8 * GIB)
    return replace(
        node,
        devices=tuple(
            replace(
                device,
                memory_used=device.memory_used + game.memory_bytes,
                processes=(*device.processes, game),
            )
            for device in node.devices
        ),
    )


def timed(work: Callable[[], object], runs: int) -> list[float]:
    """Milliseconds of each run."""
    found: list[float] = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        found.append((time.perf_counter() - begin) * 1000)
    return sorted(found)


def estimates(runs: int) -> tuple[list[float], list[float]]:
    """Milliseconds for each published model of tests/support/models: from its config.json to what
    it takes, and only the arithmetic of a plan, from its shape.
    """
    whole: list[float] = []
    arithmetic: list[float] = []
    run = Run("vllm", "cuda")
    for name in names():
        shape = estimate(facts(name), run)
        sizing = Sizing(shape.context_max or 8192)
        whole += timed(lambda name=name, s=sizing: need(estimate(facts(name), run), s), runs)
        arithmetic += timed(lambda shape=shape, sizing=sizing: need(shape, sizing), runs)
    return whole, arithmetic


def rss_mib() -> float:
    """The most that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(models: int, devices: int, runs: int) -> Figures:
    found: Figures = {}
    for name, snapshot in situations(models, devices).items():
        times = timed(lambda snapshot=snapshot: plan(snapshot, POLICY), runs)
        found[f"{name}: median ms"] = statistics.median(times)
        found[f"{name}: best ms"] = times[0]
        found[f"{name}: p99 ms"] = times[int(len(times) * 0.99)]
        found[f"{name}: placed"] = len(plan(snapshot, POLICY).assignments)
    whole, arithmetic = estimates(runs)
    found["estimate of one model: from its config.json, median µs"] = statistics.median(whole) * 1e3
    found["estimate of one model: from its shape, median µs"] = statistics.median(arithmetic) * 1e3
    found["process: MiB at most"] = rss_mib()
    return found


def quality(cases: int) -> dict[str, Comparison]:
    return {
        strategy: compare(cases, seed=5, policy=PlanPolicy(strategy, GIB))
        for strategy in STRATEGIES
    }


def show(figures: Figures, compared: dict[str, Comparison]) -> None:
    console = Console()
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.1f}")
    console.print(table)
    table = Table("strategy", "cases", "as good as the best", "demand served", "worse with more")
    for strategy, found in compared.items():
        share = f"{found.as_good / found.cases:.1%}"
        worse = f"{found.worse_with_more / found.cases:.1%}"
        table.add_row(strategy, f"{found.cases:,}", share, f"{found.served:.1%}", worse)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="What a plan costs, and how good it is.")
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--devices", type=int, default=64)
    parser.add_argument("--runs", type=int, default=100, help="of each situation")
    parser.add_argument("--cases", type=int, default=2000, help="small machines to compare")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    told = parser.parse_args()
    figures = measured(told.models, told.devices, told.runs)
    compared = quality(told.cases)
    show(figures, compared)
    data = {**figures, "quality": {name: asdict(found) for name, found in compared.items()}}
    if told.json:
        told.json.write_text(json.dumps(data, indent=2) + "\n")
    print(json.dumps(data))


if __name__ == "__main__":
    main()
