"""Random machines and wishes for the scheduler's properties, odd ones among them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.support.clusters import NOW, POLICY, cluster, demand, engine, gpu, model, program, shaped
from xinf.core.memory import Sizing
from xinf.core.models import Activation
from xinf.core.nodes import Device
from xinf.core.placement import PlacementPlan
from xinf.core.states import EngineState
from xinf.core.workload import Verdict
from xinf.scheduler.snapshot import ClusterSnapshot, EngineView, PlanPolicy, WantedModel

UUIDS = ("GPU-0", "GPU-1", "GPU-2", "GPU-9")


@dataclass(frozen=True)
class World:
    devices: tuple[Device, ...]
    wanted: tuple[WantedModel, ...]

    def snapshot(self, *, engines: tuple[EngineView, ...] = (), **more: object) -> ClusterSnapshot:
        return cluster(self.devices, self.wanted, engines=engines, **more)


@st.composite
def cards(draw: st.DrawFn, index: int) -> Device:
    gib = draw(st.sampled_from([0, 8, 16, 32]))
    foreign = draw(st.integers(0, max(gib, 1)))
    return gpu(
        index,
        gib,
        name=draw(st.sampled_from(["card", "card", "other"])),
        kind=draw(st.sampled_from(["cuda", "cuda", "cuda", "cpu"])),
        memory_used=min(foreign, gib) * 2**30 if draw(st.booleans()) else 0,
        processes=(program(foreign),) if draw(st.booleans()) else (),
        hides_processes=draw(st.booleans()),
        numa_node=draw(st.sampled_from([None, 0, 1])),
        parent=draw(st.sampled_from([None, None, "CARD"])),
    )


@st.composite
def models(draw: st.DrawFn, name: str) -> WantedModel:
    rare = st.sampled_from([False, False, False, False, True])
    more = {
        "replicas": draw(st.integers(-1, 2)),
        "priority": draw(st.integers(-1, 1)),
        "fingerprint": draw(st.sampled_from("fg")),
        "activation": draw(st.sampled_from(list(Activation))),
        "is_pinned": draw(rare),
        "reload_s": draw(st.sampled_from([0.0, 5.0, 50.0])),
        "idle_s": draw(st.sampled_from([0.0, 0.0, 60.0])),
        "demand": draw(st.sampled_from([None, None, demand(1, 900.0), demand(2, 950.0)])),
        "pins": draw(st.sampled_from([(), (), (), ("GPU-0",), ("GPU-0", "GPU-1"), ("GPU-9",)])),
        "verdicts": {"GPU-0": Verdict(refusal="no", nearest="yes")} if draw(rare) else {},
        "is_pending": draw(rare),
        "problem": "nonsense" if draw(rare) else "",
        "measured": {"card": draw(st.integers(0, 20)) * 2**30} if draw(rare) else {},
    }
    if draw(st.booleans()):
        return model(name, draw(st.sampled_from([0, 1, 4, 8, 12, 20, 30])), **more)
    sizing = Sizing(
        draw(st.sampled_from([1024, 4096, 65536, 131072])), devices=draw(st.sampled_from([1, 1, 2]))
    )
    weights, is_auto = draw(st.integers(1, 20)), draw(st.booleans())
    return shaped(name, weights, sizing=sizing, is_context_auto=is_auto, **more)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    devices = [draw(cards(index)) for index in range(draw(st.integers(0, 3)))]
    names = draw(st.lists(st.sampled_from("abcde"), max_size=5, unique=True))
    return World(tuple(devices), tuple(draw(models(name)) for name in names))


@st.composite
def alive(draw: st.DrawFn, plan: PlacementPlan) -> tuple[EngineView, ...]:
    """Engines for some of a plan, in any state, that hold what they were promised."""
    found: list[EngineView] = []
    for entry in plan.assignments:
        if draw(st.booleans()):
            found.append(
                engine(
                    entry.replica,
                    *entry.devices,
                    fingerprint=entry.fingerprint,
                    state=draw(st.sampled_from([EngineState.READY, *EngineState])),
                    is_busy=draw(st.booleans()),
                    last_used=draw(st.sampled_from([0.0, 500.0, NOW - 1])),
                    since=draw(st.sampled_from([0.0, NOW - 10])),
                    memory=dict.fromkeys(entry.devices, entry.memory_bytes),
                )
            )
    return tuple(found)


policies: st.SearchStrategy[PlanPolicy] = st.builds(
    lambda strategy, residence: replace(POLICY, strategy=strategy, residence_s=residence),
    st.sampled_from(["idle_first", "pack", "spread"]),
    st.sampled_from([0.0, 30.0]),
)


@st.composite
def turns(draw: st.DrawFn, plan_of: object) -> tuple[ClusterSnapshot, PlanPolicy]:
    """A plan is in force and engines live, and now machine and wishes are others."""
    policy = draw(policies)
    before = plan_of(draw(worlds()).snapshot(), policy)  # type: ignore[operator]
    engines = draw(alive(before))
    return replace(draw(worlds()).snapshot(engines=engines), current=before), policy
