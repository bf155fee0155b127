"""A report for the terminal: tables, and the memory of each device over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scripts.simulator.report import Lane, Report, Row
from scripts.simulator.tally import Held, Span
from xinf.core.events import Event
from xinf.core.units import format_bytes

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "red")
FREE, PROGRAM = "·", "#"
TICKS = 4
# Tenths of a second matter below this.
SHORT_S = 10.0

Cell = tuple[str, str]


def whole_report(report: Report, width: int, height: int) -> RenderableType:
    """Everything about one run, `width` columns wide; each device is `height` lines high."""
    heading = Text(f"{report.title} ({report.strategy}, seed {report.seed})", style="bold")
    return Group(heading, "", models_table(report), "", memory_picture(report, width, height))


def models_table(report: Report) -> Table:
    """Waits are seconds."""
    table = _table("model")
    for column in _COLUMNS:
        table.add_column(column.name, justify="right")
    for row in (*report.rows, report.total):
        style = "bold" if row is report.total else None
        table.add_row(row.model, *(column.of(row) for column in _COLUMNS), style=style)
    return table


def comparison(reports: Sequence[Report]) -> Table:
    """The same requests under several strategies, side by side."""
    table = _table("")
    for report in reports:
        table.add_column(report.strategy, justify="right")
    for column in _COLUMNS:
        table.add_row(column.meaning, *(column.of(report.total) for report in reports))
    for lanes in zip(*(report.lanes for report in reports), strict=True):
        shares = (f"{lane.busy:.0%}, {lane.held:.0%}" for lane in lanes)
        table.add_row(f"{lanes[0].device.id} busy, memory held", *shares)
    return table


def story(events: Iterable[Event]) -> Text:
    """What became of replicas, one line each."""
    lines = (f"{clock(e.at)}  {e.kind:<13} {e.subject}: {e.message}" for e in events)
    return Text("\n".join(lines))


def memory_picture(report: Report, width: int, height: int) -> Text:
    """Each device as a field of blocks, from the first second at the left to the last at the right.

    A letter is a model, a small one while it is loaded or about to go.
    """
    marks = dict(_marks(report))
    picture = Text()
    for lane in report.lanes:
        title = f"{lane.device.id} {lane.device.name}, {format_bytes(lane.device.memory_total)}"
        picture.append(f"{title}: busy {lane.busy:.0%} of the time, {lane.held:.0%} held\n")
        for line in _field(lane, marks, report.ended_at, (width, height)):
            picture.append_text(line).append("\n")
    picture.append(_axis(report.ended_at, width) + "\n")
    for name, (letter, colour) in marks.items():
        picture.append(letter, style=colour).append(f" {name}  ")
    return picture.append(f"{PROGRAM} other programs  {FREE} free")


def clock(at: float) -> str:
    """Seconds since the beginning as `H:MM:SS`."""
    whole = int(at)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _marks(report: Report) -> Iterator[tuple[str, Cell]]:
    for number, row in enumerate(report.rows):
        yield row.model, (LETTERS[number % len(LETTERS)], COLOURS[number % len(COLOURS)])


def _field(
    lane: Lane, marks: Mapping[str, Cell], ended_at: float, size: tuple[int, int]
) -> Iterator[Text]:
    """The lines from the top, which is the end of the memory, down."""
    width, height = size
    columns = [
        _column(_held_at(lane.spans, (x + 0.5) / width * ended_at), lane, marks, height)
        for x in range(width)
    ]
    for level in reversed(range(height)):
        line = Text()
        for column in columns:
            mark, colour = column[level]
            line.append(mark, style=colour)
        yield line


def _column(held: Sequence[Held], lane: Lane, marks: Mapping[str, Cell], height: int) -> list[Cell]:
    """Who has the middle of each block, from the bottom up."""
    block = lane.device.memory_total / height
    found: list[Cell] = []
    top = 0
    for each in held:
        top += each.memory_bytes
        letter, colour = (PROGRAM, "dim") if each.is_program else marks[each.name]
        cell = (letter.lower() if each.is_moving else letter, colour)
        found.extend([cell] * (round(top / block) - len(found)))
    return [*found, *[(FREE, "dim")] * (height - len(found))]


def _held_at(spans: Sequence[Span], at: float) -> tuple[Held, ...]:
    held: tuple[Held, ...] = ()
    for span in spans:
        if span.at > at:
            break
        held = span.held
    return held


def _axis(ended_at: float, width: int) -> str:
    """Times below the field, each beginning at its column."""
    places = [round(width * tick / TICKS) for tick in range(TICKS + 1)]
    times = [clock(ended_at * tick / TICKS) for tick in range(TICKS)]
    return "".join(
        time.ljust(end - at) for time, (at, end) in zip(times, pairwise(places), strict=True)
    )


def _table(first: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first)
    return table


def _wait(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.1f}" if seconds < SHORT_S else f"{seconds:.0f}"


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    meaning: str
    of: Callable[[Row], str]


_COLUMNS = (
    _Column("asked", "requests", lambda row: str(row.requests)),
    _Column("served", "served", lambda row: str(row.served)),
    _Column("unmet", "gave up or still waiting", lambda row: str(row.gave_up + row.waiting)),
    _Column("p50", "wait p50, seconds", lambda row: _wait(row.wait_p50_s)),
    _Column("p99", "wait p99, seconds", lambda row: _wait(row.wait_p99_s)),
    _Column("max", "longest wait, seconds", lambda row: _wait(row.wait_longest_s)),
    _Column("loads", "loads", lambda row: str(row.loads)),
    _Column("swaps", "loads in place of others", lambda row: str(row.swaps)),
    _Column("vain", "loads ended before they were ready", lambda row: str(row.wasted)),
    _Column("evict", "evictions", lambda row: str(row.evicted)),
    _Column("yield", "yields to other programs", lambda row: str(row.yielded)),
    _Column("move", "moves", lambda row: str(row.moved)),
)
