from __future__ import annotations

import pytest

from xinf.core.states import (
    LEAVING,
    LIVE,
    RISING,
    TRANSITIONS,
    EngineState,
    IllegalTransition,
    Transition,
    advance,
)

EVERY_PAIR = [(before, after) for before in EngineState for after in EngineState]


def reachable(start: EngineState) -> set[EngineState]:
    found, fresh = {start}, [start]
    while fresh:
        following = TRANSITIONS[fresh.pop()] - found
        found |= following
        fresh += following
    return found


def test_the_table_has_a_row_for_every_state() -> None:
    assert TRANSITIONS.keys() == set(EngineState)


@pytest.mark.parametrize("state", EngineState)
def test_every_state_can_be_reached_from_the_first(state: EngineState) -> None:
    assert state in reachable(EngineState.PENDING)


@pytest.mark.parametrize("state", EngineState)
def test_no_state_is_a_trap(state: EngineState) -> None:
    assert {EngineState.STOPPED, EngineState.READY} <= reachable(state)


@pytest.mark.parametrize(("before", "after"), EVERY_PAIR)
def test_a_move_is_made_exactly_if_the_table_has_it(
    before: EngineState, after: EngineState
) -> None:
    if after in TRANSITIONS[before]:
        assert advance(before, after, "why", 7.0) == Transition(before, after, "why", 7.0)
    else:
        with pytest.raises(IllegalTransition, match=rf"{before} -> {after} \(why\)"):
            advance(before, after, "why", 7.0)


def test_nothing_stays_by_moving_to_itself() -> None:
    assert all(state not in following for state, following in TRANSITIONS.items())


def test_an_engine_that_was_asked_to_stop_only_stops() -> None:
    assert TRANSITIONS[EngineState.STOPPING] == {EngineState.STOPPED}


def test_an_engine_that_is_draining_never_serves_again_without_a_start_or_a_wake() -> None:
    without = {EngineState.PENDING, EngineState.WAKING}
    seen, fresh = {EngineState.DRAINING}, [EngineState.DRAINING]
    while fresh:
        following = TRANSITIONS[fresh.pop()] - seen - without
        seen |= following
        fresh += following
    assert EngineState.READY not in seen


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_process_may_die_in_every_state_that_has_one(state: EngineState) -> None:
    assert EngineState.STOPPED in TRANSITIONS[state]


def test_the_groups_of_states_say_what_they_mean() -> None:
    assert LIVE.isdisjoint({EngineState.STOPPED, EngineState.BACKOFF, EngineState.FAILED})
    assert LEAVING < LIVE
    assert RISING.isdisjoint(LEAVING | {EngineState.READY, EngineState.STOPPED, EngineState.FAILED})
    assert all(EngineState.READY in reachable(state) for state in RISING)
