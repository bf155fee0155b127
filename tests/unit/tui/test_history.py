from __future__ import annotations

from datetime import UTC

from xinf.core.events import Event, Severity
from xinf.tui import palette
from xinf.tui.canvas import Canvas
from xinf.tui.history import EVENTS_SHOWN, history_lines

AT = 1_700_000_000.0
READY = Event(AT, "engine.ready", "coder/0", "serving", "coder", Severity.INFO)
LOST = Event(AT + 1, "device.lost", "cuda:1", "it is gone\nreally", "", Severity.ERROR)


def shown(*events: Event, width: int = 60, room: int = 20) -> list[str]:
    return [line.plain for line in history_lines(events, Canvas(width), room, UTC)]


def test_events_are_told_with_the_time_of_day_and_about_what() -> None:
    assert shown(READY, LOST) == [
        "",
        "22:13:20  coder/0         serving",
        "22:13:21  cuda:1          it is gone",
    ]


def test_only_the_newest_are_told_as_far_as_there_is_room() -> None:
    assert len(shown(*[READY] * 50)) == 1 + EVENTS_SHOWN
    assert shown(READY, LOST, room=2)[1:] == ["22:13:21  cuda:1          it is gone"]
    assert shown(READY, room=1) == shown(READY, room=-5) == shown() == []


def test_no_line_is_wider_than_the_page_and_grave_ones_stand_out() -> None:
    lines = history_lines((LOST,), Canvas(30), 5, UTC)
    assert max(line.cell_len for line in lines) <= 30
    assert palette.ALARM in {str(span.style) for span in lines[1].spans}
