"""Devices: what each is, and a bar of who holds its memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from rich.text import Text

from xinf.core.units import format_bytes
from xinf.core.views import DeviceView
from xinf.tui import palette
from xinf.tui.bars import Part, stacked
from xinf.tui.canvas import Canvas
from xinf.tui.memory import Split, split
from xinf.tui.picture import Picture
from xinf.tui.text import clean, clipped, spread

_FILL = "━"
# Without color neighbors must differ in shape. They stand in the same order in bar and legend.
_SHAPES = ("█", "▓", "▒")
_CLAIMED, _OTHERS, _FREE = "╍", "░", "─"
_LEGEND_GAP = "  "


@dataclass(frozen=True, slots=True)
class _Entry:
    part: Part
    label: str

    @property
    def text(self) -> Text:
        mark = "■" if self.part.fill == _FILL else self.part.fill
        amount = format_bytes(self.part.amount)
        return Text.assemble((mark, self.part.style), f" {self.label} ", (amount, palette.QUIET))


def device_lines(picture: Picture, colors: Mapping[str, str], canvas: Canvas) -> list[Text]:
    lines: list[Text] = []
    for device in picture.status.devices:
        found = split(device, picture.status.replicas)
        entries = _entries(found, colors, canvas.has_color)
        free = Text.assemble((f"{_FREE} ", palette.QUIET), "free ")
        free.append(format_bytes(found.free), style=palette.QUIET)
        lines += [
            Text(),
            _title(device, found, canvas.inner),
            stacked([entry.part for entry in entries], found.total, canvas.inner),
            *_legend([*(entry.text for entry in entries), free], canvas.inner),
        ]
    return lines


def _title(device: DeviceView, found: Split, width: int) -> Text:
    used = _used(found)
    return spread(clipped(_name(device), width - used.cell_len - 2), used, width)


def _name(device: DeviceView) -> Text:
    text = Text.assemble((device.id, palette.TITLE), "  ", clean(device.name))
    if device.compute_capability:
        text.append(f"  {device.compute_capability}", style=palette.QUIET)
    return text


def _used(found: Split) -> Text:
    return Text(f"{format_bytes(min(found.taken, found.total))} of {format_bytes(found.total)}")


def _entries(found: Split, colors: Mapping[str, str], has_color: bool) -> list[_Entry]:
    """Models by name, then what is promised, then what others hold."""
    shapes = cycle(_SHAPES)
    entries = [
        _Entry(Part(size, _FILL if has_color else next(shapes), colors.get(name, "")), clean(name))
        for name, size in found.models.items()
    ]
    if found.claimed:
        entries.append(_Entry(Part(found.claimed, _CLAIMED), "claimed"))
    if found.others:
        fill = _FILL if has_color else _OTHERS
        entries.append(_Entry(Part(found.others, fill, palette.QUIET), "others"))
    return entries


def _legend(entries: Sequence[Text], width: int) -> list[Text]:
    """As many lines as it takes; an entry is never broken."""
    lines: list[Text] = []
    for entry in entries:
        gap = len(_LEGEND_GAP) + entry.cell_len
        if lines and lines[-1].cell_len + gap <= width:
            lines[-1].append(_LEGEND_GAP).append_text(entry)
        else:
            lines.append(entry.copy())
    return lines
