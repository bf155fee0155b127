from __future__ import annotations

from dataclasses import replace

from rich.console import Console, RenderableType

from scripts.simulator.picture import (
    clock,
    comparison,
    memory_picture,
    models_table,
    story,
    whole_report,
)
from scripts.simulator.report import Report, report
from scripts.simulator.scenario import Program
from tests.support.scenarios import asking, play, scenario, served
from xinf.core.models import Activation
from xinf.core.units import GIB


def lines(renderable: RenderableType) -> list[str]:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return [line.rstrip() for line in capture.get().splitlines()]


def a_report() -> Report:
    """`a` has 16 GiB until `b` gets the memory at 42 s; a program has 8 GiB in the last quarter."""
    models = [served("a", 16), served("b", 23, activation=Activation.ON_DEMAND)]
    game = Program("game", "GPU-0", 8 * GIB, 60)
    told = scenario(models, duration_s=80, programs=(game,))
    return report(told, play(told, asking((20, "a"), (41, "b"))))


WANTED = [
    "cuda:0 card, 32.0 GiB: busy 12% of the time, 60% held",
    "······························##########",
    "·····················bbbbbBBBBBBBBBBBBBB",
    "aaaaaAAAAAAAAAAAAAAAabbbbbBBBBBBBBBBBBBB",
    "aaaaaAAAAAAAAAAAAAAAabbbbbBBBBBBBBBBBBBB",
    "0:00:00   0:00:20   0:00:40   0:01:00",
    "A a  B b  # other programs  · free",
]


def test_memory_over_time_is_a_field_of_letters() -> None:
    assert lines(memory_picture(a_report(), width=40, height=4)) == WANTED


def test_a_row_of_the_table_is_as_wide_as_a_terminal() -> None:
    table = lines(models_table(a_report()))
    assert table[0] == "model asked served unmet p50 p99 max loads swaps vain evict yield move"
    assert table[2] == "b         1      1     0  11  11  11     1     1    0     0     0    0"
    assert len(table) == 4


def test_strategies_stand_side_by_side() -> None:
    one = a_report()
    table = lines(comparison([one, replace(one, strategy="pack")]))
    assert table[0].split() == ["idle_first", "pack"]
    assert ["served", "2", "2"] in [line.split() for line in table]
    assert table[-1].startswith("cuda:0 busy, memory held")


def test_the_story_has_a_line_for_each_change() -> None:
    told = lines(story(a_report().events))
    assert told[0].startswith("0:00:00  plan.place    a/0: idle_first")
    assert any(line.startswith("0:00:41  plan.evict    a/0: made room for b/0") for line in told)


def test_the_whole_report_names_what_was_played() -> None:
    whole = lines(whole_report(a_report(), 40, 4))
    assert whole[0] == "a test (idle_first, seed 1)"
    assert len(whole) == 1 + 1 + 4 + 1 + 7


def test_a_time_is_read_as_on_a_clock() -> None:
    assert clock(3 * 3600 + 7 * 60 + 9.9) == "3:07:09"
