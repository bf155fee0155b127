"""Snapshots for the scheduler's tests, with defaults that keep each test to what matters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xinf.core.memory import CacheGroup, MemoryShape, Sizing
from xinf.core.nodes import Device, DeviceProcess, NodeStatus
from xinf.core.placement import EngineConfig, PlacementPlan, Unplaced
from xinf.core.states import EngineState
from xinf.core.units import GIB
from xinf.scheduler.snapshot import ClusterSnapshot, Demand, EngineView, PlanPolicy, WantedModel

POLICY = PlanPolicy(reserve_bytes=GIB)
READY = EngineState.READY
NOW = 1000.0


def gpu(index: int, gib: int = 32, **more: Any) -> Device:
    told = {"kind": "cuda", "name": "card", "memory_used": 0, **more}
    return Device(f"GPU-{index}", index=index, memory_total=gib * GIB, **told)


def program(gib: float, name: str = "game", pid: int = 4242) -> DeviceProcess:
    """A process that is not ours."""
    return DeviceProcess(pid, name, int(gib * GIB))


def model(name: str, gib: float = 10, **more: Any) -> WantedModel:
    """A model whose whole memory is declared."""
    told = {"replicas": 1, "device_kind": "cuda", "fingerprint": "f", **more}
    config = EngineConfig("sim", "sim", "", (name,))
    return WantedModel(name, memory_bytes=int(gib * GIB), config=config, **told)


def shaped(name: str, weights_gib: float = 10, context: int = 128 * 1024, **more: Any) -> Any:
    """A model of which each 1,024 tokens take 128 MiB: 8 GiB for 64k."""
    shape = MemoryShape(
        weights=int(weights_gib * GIB), cache=(CacheGroup(32, numbers_per_token=2048, heads=8),)
    )
    return model(name, 0, shape=shape, sizing=more.pop("sizing", Sizing(context)), **more)


def demand(waiting: int = 1, since: float = NOW, priority: int = 20) -> Demand:
    return Demand(waiting, since, priority)


def engine(replica: str, *devices: str, **more: Any) -> EngineView:
    """One that has been ready, and unused, for a long time."""
    told = {"state": READY, "fingerprint": "f", "since": 0.0, **more}
    return EngineView(replica, devices=devices, **told)


def cluster(
    devices: Iterable[Device],
    wanted: Iterable[WantedModel],
    current: PlacementPlan | None = None,
    engines: Iterable[EngineView] = (),
    **more: Any,
) -> ClusterSnapshot:
    node = NodeStatus("local", tuple(devices))
    return ClusterSnapshot(
        (node,), tuple(wanted), current or PlacementPlan(), tuple(engines), now=NOW, **more
    )


def running(plan: PlacementPlan, **more: Any) -> tuple[EngineView, ...]:
    """An idle engine for each assignment of a plan."""
    return tuple(
        engine(entry.replica, *entry.devices, fingerprint=entry.fingerprint, **more)
        for entry in plan.assignments
    )


def places(plan: PlacementPlan) -> dict[str, tuple[str, ...]]:
    return {entry.replica: entry.devices for entry in plan.assignments}


def unplaced(plan: PlacementPlan) -> dict[str, Unplaced]:
    return {entry.replica: entry for entry in plan.unplaced}
