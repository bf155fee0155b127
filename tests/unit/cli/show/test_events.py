from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC

from xinf.cli.show.events import event_json, event_line
from xinf.core.events import Event, Severity
from xinf.meta.events import Recorded

FAILED = Event(
    1_700_000_000.0,
    "engine.failed",
    "coder/0",
    "exit code 71:\nlast\nwords",
    "coder",
    Severity.ERROR,
)


def test_a_line_has_time_gravity_kind_subject_and_the_first_line_of_the_message() -> None:
    assert event_line(FAILED, UTC).plain == (
        "2023-11-14 22:13:20  error  engine.failed        coder/0         exit code 71:"
    )


def test_a_line_leaves_out_sums_and_what_leads_over_to_lines_that_are_not_shown() -> None:
    sums = replace(FAILED, message="needs 2 GiB; cuda:0: 1 - 1 = 0 GiB free; short by 2 GiB")
    assert event_line(sums, UTC).plain.endswith("  needs 2 GiB; short by 2 GiB")
    killed = replace(FAILED, message="killed by SIGKILL; last words:\nboom")
    assert event_line(killed, UTC).plain.endswith("  killed by SIGKILL")


def test_json_has_everything_on_one_line() -> None:
    text = event_json(Recorded(7, FAILED))
    assert "\n" not in text
    assert json.loads(text) == {
        "id": 7,
        "at": 1_700_000_000.0,
        "kind": "engine.failed",
        "subject": "coder/0",
        "message": "exit code 71:\nlast\nwords",
        "model": "coder",
        "severity": "error",
    }
