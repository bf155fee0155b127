"""What the store does: writes a second, delivery to watchers, opening, and shortening its journal.

    python scripts/bench_store.py
    python scripts/bench_store.py --seconds 10 --runs 3 --json out.json

Delivery is timed from the moment at which a writer asks for its write to the moment at which a
watcher has it, at a steady rate of writes: once with both in one process, once in two. Everything
runs in a temporary directory (--folder: on another disk), whose time for one sync is printed too,
for no durable write can be faster. Of several runs each figure is the median.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from xinf.clock import SystemClock
from xinf.meta.compaction import shorten
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import Put

# Observations are not synced, wishes are.
ROOMS = {"NORMAL": "engines", "FULL": "models"}
CALLERS = (1, 16)
RATE = 1000
# About the size of an engine's record.
VALUE_BYTES = 500
OPENINGS = 10
# As long as a journal is kept, and one that nobody has cut for a day.
KEPT_ROWS = 10_000
LONG_ROWS = 100_000

END = "end"

Figures = dict[str, float]
# Moments and durations, in seconds.
Writes = list[tuple[float, float]]
Write = Callable[[SqliteStore, str, float], Coroutine[Any, Any, Writes]]


def main() -> None:
    arguments = parser().parse_args()
    if arguments.write:
        path, room, seconds = arguments.write
        print(json.dumps(uvloop.run(write_alone(Path(path), room, float(seconds)))))
        return
    runs = [one_run(arguments.folder, arguments.seconds) for _ in range(arguments.runs)]
    figures = {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description="Figures of the store.")
    made.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    made.add_argument("--runs", type=int, default=1)
    made.add_argument("--folder", type=Path, help="where to put the files")
    made.add_argument("--json", type=Path, help="write the figures here, too")
    made.add_argument("--write", nargs=3, help=argparse.SUPPRESS)
    return made


def one_run(folder: Path | None, seconds: float) -> Figures:
    with tempfile.TemporaryDirectory(dir=folder) as made:
        return uvloop.run(measure(Path(made), seconds))


async def measure(folder: Path, seconds: float) -> Figures:
    figures: Figures = {"sync ms": median_sync_ms(folder)}
    paths = (folder / str(number) / "xinf.db" for number in range(100))
    for level, room in ROOMS.items():
        for callers in CALLERS:
            name = f"{level} writes/s, {callers} at a time"
            figures[name] = await writes_per_second(next(paths), room, callers, seconds)
    for level, room in ROOMS.items():
        for place, write in PLACES.items():
            async with open_store(next(paths), SystemClock()) as store:
                late = await delivery(store, room, seconds, write)
            figures |= percentiles(f"{level} delivery {place}", late)
    figures |= await opening(next(paths), next(paths))
    figures |= await shortening(next(paths), seconds)
    return figures


def median_sync_ms(folder: Path) -> float:
    """One page appended and synced."""
    took: list[float] = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(bytes(4096))
            began = time.monotonic()
            os.fdatasync(file.fileno())
            took.append(time.monotonic() - began)
    return statistics.median(took) * 1000


async def writes_per_second(path: Path, room: str, callers: int, seconds: float) -> float:
    async def call(caller: int) -> int:
        written = 0
        while time.monotonic() < end:
            written += 1
            await store.put(f"{room}/{caller}", f"{written}".ljust(VALUE_BYTES))
        return written

    async with open_store(path, SystemClock()) as store:
        began = time.monotonic()
        end = began + seconds
        written = await asyncio.gather(*(call(caller) for caller in range(callers)))
        return sum(written) / (time.monotonic() - began)


async def write_steadily(store: SqliteStore, room: str, seconds: float) -> Writes:
    """When each write was asked for, and what it took; the value tells the former, too."""
    writes: Writes = []
    began = time.monotonic()
    for number in range(round(seconds * RATE)):
        ahead_s = began + number / RATE - time.monotonic()
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)
        asked = time.monotonic()
        await store.put(f"{room}/{number % 100}", f"{asked} ".ljust(VALUE_BYTES))
        writes.append((asked, time.monotonic() - asked))
    await store.put(f"{room}/end", END)
    return writes


async def write_alone(path: Path, room: str, seconds: float) -> Writes:
    """What the other process does."""
    async with open_store(path, SystemClock()) as store:
        return await write_steadily(store, room, seconds)


async def write_elsewhere(store: SqliteStore, room: str, seconds: float) -> Writes:
    """As `write_steadily`, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--write", str(store.path), room, str(seconds)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return [(asked, took) for asked, took in json.loads(said)]


PLACES: dict[str, Write] = {
    "in one process": write_steadily,
    "across processes": write_elsewhere,
}


async def delivery(store: SqliteStore, room: str, seconds: float, write: Write) -> list[float]:
    """Milliseconds from asking to seeing, for each write."""
    late: list[float] = []
    writing = asyncio.create_task(write(store, room, seconds))
    async for change in store.watch(f"{room}/", 0):
        assert change.value is not None
        if change.value == END:
            break
        late.append((time.monotonic() - float(change.value.split()[0])) * 1000)
    await writing
    return late


async def opening(new: Path, old: Path) -> Figures:
    """A new file, and one with as long a journal as is kept."""
    async with filled(old, KEPT_ROWS):
        pass
    figures: Figures = {}
    for name, path in (("new", new), ("old", old)):
        took: list[float] = []
        for _ in range(OPENINGS):
            if name == "new":
                for file in path.parent.glob("*"):
                    file.unlink()
            began = time.monotonic()
            async with open_store(path, SystemClock()):
                took.append(time.monotonic() - began)
        figures[f"open {name} file ms"] = statistics.median(took) * 1000
    return figures


async def shortening(path: Path, seconds: float) -> Figures:
    """What a write of another process takes while this one removes a long journal, and before."""
    async with filled(path, LONG_ROWS) as store:
        revision = (await store.list_prefix("")).revision
        writing = asyncio.create_task(write_elsewhere(store, "engines", seconds))
        await anext(store.watch("engines/", revision))
        await asyncio.sleep(seconds / 2)
        began = time.monotonic()
        await shorten(store, SystemClock(), revisions=100)
        ended = time.monotonic()
        writes = await writing
    before = [took * 1000 for asked, took in writes if asked < began]
    meanwhile = [took * 1000 for asked, took in writes if began <= asked < ended]
    return {
        "journal cut, rows/s": LONG_ROWS / (ended - began),
        **percentiles("write elsewhere before", before),
        **percentiles("write elsewhere meanwhile", meanwhile),
    }


@asynccontextmanager
async def filled(path: Path, rows: int) -> AsyncIterator[SqliteStore]:
    async with open_store(path, SystemClock()) as store:
        await fill(store, rows)
        yield store


async def fill(store: SqliteStore, rows: int, at_once: int = 50) -> None:
    for number in range(rows // at_once):
        await store.transact(
            [Put(f"k/{row}", f"{number}".ljust(VALUE_BYTES)) for row in range(at_once)]
        )


def percentiles(name: str, values: Sequence[float]) -> Figures:
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        f"{name} {label} ms": ordered[round(share * last)]
        for label, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    }


def show(figures: Figures) -> None:
    table = Table("figure", "value")
    table.columns[1].justify = "right"
    for name, value in figures.items():
        table.add_row(name, f"{value:,.0f}" if "/s" in name else f"{value:.2f}")
    Console(file=sys.stderr).print(table)


if __name__ == "__main__":
    main()
