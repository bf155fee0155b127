import math
from typing import Any

import pytest

from xinf.core.units import GIB
from xinf.scheduler.eviction import Resident, make_room, may_leave, without_vain
from xinf.scheduler.wishes import Claimant

ASKED = Claimant(priority=0, is_demanded=True)
PERSON = Claimant(priority=0, is_demanded=True, is_person=True)


def resident(name: str, gib: int = 10, **more: Any) -> Resident:
    return Resident(name, gib * GIB, **{"priority": 0, "idle_s": 100.0, **more})


def names(found: tuple[Resident, ...] | None) -> list[str] | None:
    return None if found is None else [each.replica for each in found]


def test_nobody_leaves_when_there_is_room() -> None:
    assert make_room(4 * GIB, 8 * GIB, [resident("a")], ASKED) == ()


def test_the_longest_unused_leaves_first() -> None:
    recent, old = resident("recent", idle_s=10), resident("old", idle_s=500)
    assert names(make_room(8 * GIB, 0, [recent, old], ASKED)) == ["old"]


def test_what_is_dear_to_load_again_is_kept_longer() -> None:
    quick, slow = resident("quick", idle_s=60, reload_s=5), resident("slow", reload_s=90)
    assert names(make_room(8 * GIB, 0, [slow, quick], ASKED)) == ["quick"]


def test_what_was_never_loaded_costs_nothing() -> None:
    empty = resident("empty", idle_s=math.inf, reload_s=90)
    assert names(make_room(8 * GIB, 0, [resident("a", idle_s=9999), empty], ASKED)) == ["empty"]


def test_the_less_important_leave_before_the_longer_unused() -> None:
    low, old = resident("low", priority=-1, idle_s=1), resident("old", idle_s=9999)
    assert names(make_room(8 * GIB, 0, [old, low], ASKED)) == ["low"]


def test_nobody_leaves_in_vain() -> None:
    assert make_room(64 * GIB, 0, [resident("a"), resident("b")], ASKED) is None


def test_who_turned_out_not_to_be_needed_stays() -> None:
    small, large = resident("small", 2, idle_s=900), resident("large", 20, idle_s=100)
    assert names(make_room(15 * GIB, 0, [small, large], ASKED)) == ["large"]
    assert names(tuple(without_vain([small, large], 0))) == ["small", "large"]


def test_who_holds_nothing_is_not_asked_to_leave() -> None:
    assert names(make_room(8 * GIB, 0, [resident("a", 0, idle_s=999), resident("b")], ASKED)) == [
        "b"
    ]


@pytest.mark.parametrize(
    "more", [{"is_busy": True}, {"is_pinned": True}, {"is_asked_for": True}, {"is_settled": False}]
)
def test_some_never_leave(more: dict[str, Any]) -> None:
    assert not may_leave(resident("a", **more), Claimant(priority=9, is_demanded=True))
    assert make_room(8 * GIB, 0, [resident("a", **more)], ASKED) is None


def test_a_person_need_not_wait_until_a_model_has_settled() -> None:
    assert may_leave(resident("a", is_settled=False), PERSON)
    assert not may_leave(resident("a", is_busy=True), PERSON)


def test_the_less_important_leave_for_anybody_and_its_like_only_for_waiting_requests() -> None:
    there = resident("there", priority=1)
    assert may_leave(there, Claimant(2, is_demanded=False))
    assert may_leave(there, Claimant(1, is_demanded=True))
    assert not may_leave(there, Claimant(1, is_demanded=False))
    assert not may_leave(there, Claimant(0, is_demanded=True))
