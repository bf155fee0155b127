"""The whole view: devices, models, replicas. A pure function of a picture and a canvas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from xinf.core.units import format_seconds
from xinf.tui import palette
from xinf.tui.amiss import amiss_lines
from xinf.tui.canvas import Canvas
from xinf.tui.columns import Column, Row, room_for_first, table, without
from xinf.tui.devices import device_lines
from xinf.tui.numbers import count
from xinf.tui.picture import Picture
from xinf.tui.rows import MODEL_COLUMNS, RATE, REPLICA_COLUMNS, Rows
from xinf.tui.text import clipped, spread

_NO_MODELS = "No models yet: xinf launch NAME --source SOURCE"


def frame(picture: Picture, canvas: Canvas) -> list[Text]:
    """The lines of the view, none wider than the canvas."""
    lines = list(_body(picture, canvas))
    if picture.notice:
        del lines[0]  # its line is the blank one, so that nothing moves
        for line in lines:
            line.stylize("dim")
    head = _head(picture, canvas)
    return [clipped(line, canvas.width) for line in (*head, *lines)]


def _head(picture: Picture, canvas: Canvas) -> list[Text]:
    status = picture.status
    base = f"{status.url.rstrip('/').removesuffix('/v1')}/v1"
    name = Text.assemble(("xinf", palette.TITLE), f" {status.version}  ", base)
    if picture.notice:
        return [name, Text(picture.notice, style=palette.WARNING)]
    facts = [f"up {format_seconds(status.uptime_seconds)}"]
    if picture.rates is not None:
        facts.insert(0, f"{count(sum(picture.rates.values()))} tok/s")
    return [spread(name, Text("   ".join(facts), style=palette.QUIET), canvas.inner)]


def _body(picture: Picture, canvas: Canvas) -> Iterator[Text]:
    status = picture.status
    colors = palette.model_colors(model.name for model in status.models)
    yield from device_lines(picture, colors, canvas)
    yield from amiss_lines(status, canvas)
    if not status.models:
        yield from (Text(), Text(_NO_MODELS, style=palette.QUIET))
    rows = Rows(picture, colors, canvas)
    tables: list[tuple[Sequence[Column], Sequence[Row]]] = [
        (MODEL_COLUMNS, [rows.model(model) for model in status.models]),
        (REPLICA_COLUMNS, [rows.replica(replica) for replica in status.replicas]),
    ]
    if picture.rates is None:
        tables = [without(RATE, columns, section) for columns, section in tables]
    # One width for both, so that their states stand below each other.
    names = [row.cells[0].cell_len for _, section in tables for row in section]
    wanted = max(names, default=0)
    first = min(room_for_first(*each, wanted, canvas.inner) for each in tables)
    for columns, section in tables:
        if section:
            yield from (Text(), *table(columns, section, first, canvas.inner))
