"""House style as a test. A finding says what to do instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.tidy import banned_calls, long_file, long_functions
from tests.support.tree import ROOT, sources, texts

TIME = {
    "time.time": "take `now` as an argument, or ask a Clock",
    "time.monotonic": "take `now` as an argument, or ask a Clock",
    "time.perf_counter": "take `now` as an argument, or ask a Clock",
    "time.sleep": "await clock.sleep",
    "asyncio.sleep": "await clock.sleep",
}
LOOP_TIME = {
    "asyncio.wait_for": "async with clock.timeout",
    "asyncio.timeout": "async with clock.timeout",
}
TASKS = {
    "asyncio.create_task": "use a TaskGroup that somebody owns",
    "asyncio.ensure_future": "use a TaskGroup that somebody owns",
}
LOGGING = {"logging.getLogger": "return a reason; the caller logs"}
PRINT = {"print": "return the text; only xinf.cli speaks to the terminal"}

# The real clock, and the engine's side, which runs in another interpreter beside a real engine.
MAY_TELL_TIME = ("xinf/clock.py", "xinf/shim/")
# Its waits are on a real socket, beside gRPC's own deadlines, which know no other clock.
MAY_USE_LOOP_TIME = (*MAY_TELL_TIME, "xinf/engine/")
MAY_PRINT = ("xinf/cli/",)
# These hold the task they start, end it before they return, and hand its failure on.
MAY_OWN_TASKS = ("xinf/protocol/tasks.py", "xinf/agent/replica.py", "xinf/meta/neighbours.py")
DECIDES = (
    "xinf/core/",
    "xinf/scheduler/",
    "xinf/agent/diff.py",
    "xinf/agent/turns.py",
    "xinf/agent/sightings.py",
    "xinf/router/pick.py",
    "xinf/router/policies/",
)
# Built here from parts, so that this file does not hold what it forbids.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")


def below(path: Path, places: tuple[str, ...]) -> bool:
    return str(path).startswith(places)


@pytest.mark.parametrize("path", sources(), ids=str)
def test_source_is_tidy(path: Path) -> None:
    source = (ROOT / path).read_text()
    banned = {
        **({} if below(path, MAY_TELL_TIME) else TIME),
        **({} if below(path, MAY_USE_LOOP_TIME) else LOOP_TIME),
        **({} if below(path, MAY_OWN_TASKS) else TASKS),
        **({} if below(path, MAY_PRINT) else PRINT),
        **(LOGGING if below(path, DECIDES) else {}),
    }
    found = [*banned_calls(source, banned), *long_functions(source), *long_file(source)]
    assert not found, "\n".join([str(path), *found])


def test_nothing_is_left_for_later() -> None:
    found = {name: UNFINISHED.findall(text) for name, text in texts().items()}
    assert {name: words for name, words in found.items() if words} == {}


def test_a_banned_call_is_found_under_any_name() -> None:
    source = (
        "import time as t\n"
        "from asyncio import sleep as nap\n"
        "import asyncio\n"
        "t.monotonic()\n"
        "nap(1)\n"
        "asyncio.sleep(1)\n"
        "clock.sleep(1)\n"
    )
    assert list(banned_calls(source, TIME)) == [
        "line 4: time.monotonic: take `now` as an argument, or ask a Clock",
        "line 5: asyncio.sleep: await clock.sleep",
        "line 6: asyncio.sleep: await clock.sleep",
    ]


def test_a_long_function_is_found_and_a_short_one_is_not() -> None:
    source = "def short():\n    pass\n\n\nasync def long():\n" + "    pass\n" * 5
    assert list(long_functions(source, lines_max=5)) == ["line 5: long has 6 lines: split it"]


def test_a_long_file_is_found() -> None:
    assert list(long_file("x\n" * 5, lines_max=5)) == []
    assert list(long_file("x\n" * 6, lines_max=5)) == ["6 lines: give each idea a file of its own"]
