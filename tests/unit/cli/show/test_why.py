from __future__ import annotations

from dataclasses import replace
from datetime import UTC

from tests.support.planning import explanation
from xinf.cli.output import text_of
from xinf.cli.show.why import need_words, room_words, why_view
from xinf.core.events import Event, Severity
from xinf.core.memory import Basis
from xinf.core.placement import AppliedRule, Obstacle, Unplaced
from xinf.core.states import EngineState, ModelState
from xinf.core.units import GIB
from xinf.core.why import Holder, ReplicaStory, Requirement, Room, Seating

AT = 1_700_000_000.0
NEED = Requirement(
    17 * GIB, Basis.ESTIMATED, (("weights", 15 * GIB), ("KV cache", 2 * GIB)), 1, 32768
)
ROOM = Room(
    "cuda:0",
    "GPU-a",
    "NVIDIA A",
    32 * GIB,
    GIB,
    GIB,
    4 * GIB,
    (Holder("coder/0", 26 * GIB, is_busy=True, is_pinned=True),),
    is_inferred=True,
)


def shown(*args, **more) -> list[str]:
    return text_of(why_view(explanation(*args, **more), UTC)).splitlines()


def test_a_model_that_runs_tells_who_asked_where_it_is_and_what_was_set() -> None:
    rule = AppliedRule("fp8-kv", "the card needs it", "https://example.org")
    story = ReplicaStory(
        "coder/0", ("cuda:0",), 17 * GIB, "the emptiest", EngineState.READY, "serving", AT, 32768,
        (rule,),
    )  # fmt: skip
    event = Event(AT, "engine.ready", "coder/0", "serving", "coder", Severity.INFO)
    lines = shown(
        config_file="/x.toml",
        source="hf:org/coder",
        seating=Seating(NEED, (story,), (), (ROOM,)),
        events=(event,),
        waiting=2,
    )
    assert lines == [
        "coder is ready, asked for by the config file /x.toml (activation auto)",
        "engine   sim from hf:org/coder",
        "needs    17.0 GiB: weights 15.0 GiB + KV cache 2.0 GiB, 32768 tokens (estimated)",
        "coder/0  ready since 2023-11-14 22:13:20, 17.0 GiB on cuda:0, 32768 tokens",
        "         the emptiest",
        "         rule fp8-kv: the card needs it (https://example.org)",
        "waiting  2 requests",
        "",
        "last events",
        "2023-11-14 22:13:20  info   engine.ready         coder/0         serving",
    ]


def test_a_model_without_a_place_tells_the_sums_and_what_would_help() -> None:
    entry = Unplaced("big/0", "big", 17 * GIB, 13 * GIB, "short", Obstacle.NO_ROOM, "stop coder")
    lines = shown("big", ModelState.FAILED, seating=Seating(NEED, (), (entry,), (ROOM,)))
    assert lines[3:] == [
        "big/0   has no place (no_room)",
        "        short",
        f"cuda:0  {room_words(ROOM)}",
        "do      stop coder",
    ]


def test_sums_are_told_once_and_somebody_can_always_do_something() -> None:
    sums = "needs 17.0 GiB; cuda:0: 32.0 GiB - 28.0 GiB = 4.0 GiB free; short by 13.0 GiB"
    full = Unplaced("big/0", "big", 17 * GIB, 13 * GIB, sums, Obstacle.NO_ROOM)
    lines = shown("big", ModelState.QUEUED, seating=Seating(NEED, (), (full,), (ROOM,)))
    assert lines[4].strip() == "needs 17.0 GiB; short by 13.0 GiB"
    assert "xinf terminate" in lines[-1]
    never = replace(full, obstacle=Obstacle.TOO_LARGE)
    lines = shown("big", ModelState.FAILED, seating=Seating(NEED, (), (never,), ()))
    assert lines[4].strip() == sums
    assert "take a smaller one" in lines[-1]


def test_what_comes_when_it_is_asked_for_is_not_short_of_anything() -> None:
    lazy = Unplaced("lazy/0", "lazy", GIB, 0, "is loaded when asked for", Obstacle.ON_DEMAND)
    lines = shown("lazy", ModelState.OFF, seating=Seating(NEED, (), (lazy,), ()))
    assert lines[3:] == [
        "lazy/0  waits to be asked for (on_demand)",
        "do      send it a request, or xinf launch lazy",
    ]


def test_what_is_off_or_failed_tells_what_to_do() -> None:
    off = shown(state=ModelState.OFF, reason="not wanted by the terminate command")
    assert off[-2:] == [
        "why     not wanted by the terminate command",
        "do      xinf launch coder",
    ]
    assert "xinf logs coder" in shown(state=ModelState.FAILED)[-1]


def test_a_device_is_a_sum() -> None:
    assert room_words(ROOM) == (
        "32.0 GiB - 1.0 GiB reserve - 1.0 GiB others (inferred) - 26.0 GiB coder/0 (busy, pinned)"
        " = 4.0 GiB free"
    )


def test_a_need_tells_how_sure_it_is() -> None:
    assert need_words(Requirement(GIB, Basis.MEASURED, (), 2)) == (
        "1.0 GiB on each of 2 devices (measured)"
    )
