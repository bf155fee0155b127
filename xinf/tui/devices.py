"""Devices: what each is, and a bar of who holds its memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from rich.text import Text

from xinf.core.nodes import Vitals
from xinf.core.units import format_bytes
from xinf.core.views import DeviceView
from xinf.tui import palette
from xinf.tui.bars import Part, stacked
from xinf.tui.canvas import Canvas
from xinf.tui.memory import Split, split
from xinf.tui.numbers import share
from xinf.tui.picture import Picture
from xinf.tui.text import clean, clipped, spread

_FILL = "━"
# Without color neighbors must differ in shape. They stand in the same order in bar and legend.
_SHAPES = ("█", "▓", "▒")
_CLAIMED, _OTHERS, _RESERVE, _FREE = "╍", "░", "┄", "─"
_LEGEND_GAP = "  "
# So many devices are set apart by blank lines; of more, as many as possible should be seen.
_APART_MAX = 4


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
    devices = picture.status.devices
    for number, device in enumerate(devices):
        found = split(device, picture.status.replicas)
        entries = _entries(found, colors, canvas.has_color)
        free = Text.assemble((f"{_FREE} ", palette.QUIET), "free ")
        free.append(format_bytes(found.free), style=palette.QUIET)
        is_apart = number == 0 or len(devices) <= _APART_MAX
        lines += [
            *([Text()] if is_apart else []),
            _title(device, found, canvas.inner),
            stacked([entry.part for entry in entries], found.total, canvas.inner),
            *_legend([*(entry.text for entry in entries), free], canvas.inner),
        ]
    return lines


def _title(device: DeviceView, found: Split, width: int) -> Text:
    used = _used(found)
    room = width - used.cell_len - 2
    name = Text.assemble((device.id, palette.TITLE), "  ", clean(device.name))
    if device.compute_capability:
        name.append(f"  {device.compute_capability}", style=palette.QUIET)
    for told in _vitals(device.vitals):
        if name.cell_len + 2 + len(told) <= room:
            name.append(f"  {told}", style=palette.QUIET)
    return spread(clipped(name, room), used, width)


def _vitals(vitals: Vitals) -> Iterator[str]:
    """Those that the device tells, the most telling first."""
    if vitals.temperature is not None:
        yield f"{vitals.temperature:.0f} °C"
    if vitals.power is not None:
        yield f"{vitals.power:.0f} W"
    if vitals.utilisation is not None:
        yield f"{share(vitals.utilisation)} busy"


def _used(found: Split) -> Text:
    return Text(f"{format_bytes(min(found.taken, found.total))} of {format_bytes(found.total)}")


def _entries(found: Split, colors: Mapping[str, str], has_color: bool) -> list[_Entry]:
    """Models by name, then what is promised, then what others hold, then what is left to them."""
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
    if found.reserve:
        entries.append(_Entry(Part(found.reserve, _RESERVE, palette.QUIET), "reserve"))
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
