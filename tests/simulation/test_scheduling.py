"""Small workstations, thought up at random, played to their end through the real scheduler.

At every plan: no device is over-committed by what is newly placed, no busy engine has to leave, and
every replica has a place or a reason (tests/support/scenarios.py). In the end: no request is lost,
and the same scenario has the same end again.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.simulator.arrivals import Request
from scripts.simulator.report import report
from scripts.simulator.scenario import Program, Scenario, Served
from scripts.simulator.tally import End
from tests.support.clusters import gpu
from tests.support.scenarios import asking, play, scenario, served
from xinf.core.memory import Sizing
from xinf.core.models import Activation
from xinf.core.units import GIB

NAMES = ("a", "b", "c", "d")
DURATION_S = 300.0


@st.composite
def models(draw: st.DrawFn, name: str) -> Served:
    return served(
        name,
        draw(st.integers(1, 40)),
        parallel=draw(st.integers(1, 3)),
        reload_s=draw(st.sampled_from([0.0, 3.0, 20.0])),
        replicas=draw(st.integers(1, 2)),
        priority=draw(st.integers(0, 2)),
        activation=draw(
            st.sampled_from([Activation.AUTO, Activation.PRELOAD, Activation.ON_DEMAND])
        ),
        is_pinned=draw(st.booleans()),
        sizing=Sizing(0, devices=draw(st.sampled_from([1, 1, 1, 2]))),
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    count = draw(st.integers(1, 3))
    hides = draw(st.booleans())
    devices = [gpu(i, draw(st.sampled_from([24, 32])), hides_processes=hides) for i in range(count)]
    starts = draw(st.lists(st.integers(0, 200), max_size=2))
    return scenario(
        [draw(models(name)) for name in NAMES[: draw(st.integers(1, 4))]],
        devices,
        DURATION_S,
        strategy=draw(st.sampled_from(["idle_first", "pack", "spread"])),
        residence_s=draw(st.sampled_from([0.0, 30.0])),
        patience_s=draw(st.sampled_from([60.0, 1e9])),
        grace_s=120.0,
        programs=tuple(
            Program(
                f"game-{number}",
                f"GPU-{draw(st.integers(0, count - 1))}",
                draw(st.integers(1, 28)) * GIB,
                start,
                start + draw(st.integers(1, 100)),
            )
            for number, start in enumerate(starts)
        ),
    )


@st.composite
def plays(draw: st.DrawFn) -> tuple[Scenario, tuple[Request, ...]]:
    told = draw(scenarios())
    names = [model.name for model in told.models]
    asked = draw(
        st.lists(
            st.tuples(st.integers(0, int(DURATION_S) - 1), st.sampled_from(names)), max_size=15
        )
    )
    return told, asking(*asked, service_s=draw(st.sampled_from([0.0, 1.0, 40.0])))


@settings(max_examples=60, deadline=None)
@given(plays())
def test_whatever_happens_no_plan_takes_too_much_and_no_request_is_lost(
    played: tuple[Scenario, tuple[Request, ...]],
) -> None:
    told, requests = played
    tally = play(told, requests)
    assert sorted(tally.outcomes) == [request.number for request in requests]
    assert all(
        outcome.end in (End.SERVED, End.GAVE_UP)
        or tally.ended_at >= told.end_s  # only time ran out
        for outcome in tally.outcomes.values()
    )
    assert report(told, play(told, requests)) == report(told, tally)
