from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from tests.support.admin import FakeDaemon
from tests.support.cli import xinf
from xinf.clock import SystemClock
from xinf.config.paths import client_paths
from xinf.core.events import Event, Severity
from xinf.meta.events import EVENTS_MAX
from xinf.meta.sqlite import open_store


def line(ident: int, message: str, **more: Any) -> dict[str, Any]:
    plain = {"kind": "engine.ready", "subject": "a/0", "model": "a", "severity": "info"}
    return {"id": ident, "at": 1000.0, "message": message, **plain, **more}


def test_events_are_lines_for_people_and_objects_for_programs(daemon: FakeDaemon) -> None:
    daemon.events = [line(1, "serving"), line(2, "gone", severity="dire", something_new=1)]
    shown = xinf("events")
    assert shown.code == 0
    assert [each.split()[-1] for each in shown.out.splitlines()] == ["serving", "gone"]
    objects = [json.loads(each) for each in xinf("events", "--json").out.splitlines()]
    assert [each["id"] for each in objects] == [1, 2]
    assert [each["severity"] for each in objects] == ["info", "warn"]


def test_what_is_wanted_is_asked_for(daemon: FakeDaemon) -> None:
    xinf("events", "coder", "--level", "warn", "--kind", "plan", "-n", "7")
    xinf("events", "--since", "10m")
    first, second = (request.query for request in daemon.requests)
    wanted = {"about": "coder", "severity": "warn", "kind": "plan", "last": "7", "since": "0.0"}
    assert wanted.items() <= first.items()
    assert float(second["since"]) > 1_000_000
    assert second["last"] == str(EVENTS_MAX)


def test_nothing_found_is_said(daemon: FakeDaemon) -> None:
    nothing = xinf("events", "coder")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "no events of coder\n")


def test_without_a_running_xinf_the_file_is_read(home: Path) -> None:
    async def fill() -> None:
        async with open_store(client_paths(os.environ, home).store_file, SystemClock()) as store:
            lost = Event(1000.0, "device.lost", "cuda:1", "gone", "", Severity.ERROR)
            await store.append_events([Event(999.0, "xinf.started", "xinf", "started"), lost])

    assert xinf("events").err == "no events\n"
    asyncio.run(fill())
    assert len(xinf("events").out.splitlines()) == 2
    (found,) = xinf("events", "cuda:1", "--json").out.splitlines()
    assert json.loads(found)["kind"] == "device.lost"


def test_following_ends_with_xinf(daemon: FakeDaemon) -> None:
    daemon.events, daemon.watch_ends = [line(1, "serving")], True
    followed = xinf("events", "-f")
    assert (followed.code, len(followed.out.splitlines())) == (3, 1)
    assert daemon.requests[0].query["follow"] == "1"


def test_following_needs_a_running_xinf(home: Path) -> None:
    assert xinf("events", "-f").code == 3


def test_wrong_options_are_usage_errors(home: Path) -> None:
    assert xinf("events", "-n", "some").code == 2
    assert xinf("events", "--since", "long").code == 2
    assert xinf("events", "--level", "dire").code == 2
