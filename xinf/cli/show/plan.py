"""What a config file would change: actions, what has no place and why, and devices' balances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from xinf.core.changes import Action, Balance, Change, Outlook
from xinf.core.placement import Unplaced
from xinf.core.units import format_bytes
from xinf.tui.bars import Part, stacked
from xinf.tui.text import brief

_BAR_WIDTH = 40
_SIGNS: Mapping[Action, tuple[str, str]] = MappingProxyType(
    {
        Action.START: ("+", "green"),
        Action.STOP: ("-", "red"),
        Action.EVICT: ("-", "red"),
        Action.MOVE: ("~", "yellow"),
        Action.RESTART: ("~", "yellow"),
        Action.RESIZE: ("~", "yellow"),
    }
)
# People should know that it does not answer for a while.
_WORDS: Mapping[Action, str] = MappingProxyType({Action.RESIZE: "resize and restart"})
_ENDS = frozenset({Action.STOP, Action.EVICT})


def plan_json(outlook: Outlook) -> dict[str, Any]:
    """What scripts rely on: `actions`, `unplaced` and `devices`; bytes everywhere."""
    preview = outlook.preview
    ids = {balance.uuid: balance.id for balance in preview.devices}
    return {
        "actions": [_action_json(change, ids) for change in preview.changes],
        "unplaced": [
            {**asdict(entry), "obstacle": str(entry.obstacle), "may_fit_later": entry.may_fit_later}
            for entry in preview.unplaced
        ],
        "devices": [asdict(balance) for balance in preview.devices],
        "untouched": list(preview.untouched),
        "misfits": list(outlook.misfits),
        "waiting": list(outlook.waiting),
        "unseen": dict(outlook.unseen),
        "file": outlook.file,
    }


def plan_view(outlook: Outlook) -> RenderableType:
    """The whole preview, for a person."""
    preview = outlook.preview
    parts: list[RenderableType] = [Text(_headline(outlook), style="bold")]
    ids = {balance.uuid: balance.id for balance in preview.devices}
    for change in preview.changes:
        parts.append(_change(change, ids))
    for entry in preview.unplaced:
        parts.append(_unplaced(entry, is_misfit=entry.model in outlook.misfits))
    for model, problem in outlook.unseen:
        head = Text.assemble(("  ? ", "yellow"), (f"{model}  is of unknown size", "bold"))
        parts += [head, _detail(f"nobody could look at its files: {problem}")]
    parts += [Text(), *(_balance(balance) for balance in preview.devices)]
    return Group(*parts)


def verdict(outlook: Outlook) -> str:
    """What it comes to, in a line."""
    told = [] if outlook.preview.is_empty else [_count(len(outlook.preview.changes))]
    if outlook.misfits:
        count = len(outlook.misfits)
        told.append(f"{_count(count, 'model')} {'does' if count == 1 else 'do'} not fit")
    return ", ".join(told) or "nothing to do"


def _headline(outlook: Outlook) -> str:
    same = len(outlook.preview.untouched)
    goes_on = f", {_count(same, 'model')} {'goes' if same == 1 else 'go'} on as before"
    return f"{outlook.file or 'no config file'}: {verdict(outlook)}{goes_on if same else ''}"


def _change(change: Change, ids: Mapping[str, str]) -> RenderableType:
    sign, style = _SIGNS[change.action]
    where = ", ".join(ids.get(uuid, uuid) for uuid in change.devices)
    each = " on each of" if len(change.devices) > 1 else " on"
    head = Text(f"  {sign} ", style=style)
    head.append(f"{change.replica}  {_WORDS.get(change.action, change.action)}", style="bold")
    head.append(f"  {format_bytes(change.bytes)}{each} {where}")
    return Group(head, *(_detail(line) for line in _change_lines(change)))


def _change_lines(change: Change) -> Iterator[str]:
    if len(change.parts) > 1:
        sums = " + ".join(f"{name} {format_bytes(size)}" for name, size in change.parts)
        yield f"{sums} = {format_bytes(change.bytes)}"
    if change.reason:
        # The sums of one that has no place any more are told there.
        yield brief(change.reason) if change.action in _ENDS else change.reason


def _unplaced(entry: Unplaced, *, is_misfit: bool) -> RenderableType:
    sign, style, told = ("!", "red", "has no place") if is_misfit else (".", "dim", "waits")
    head = Text(f"  {sign} ", style=style)
    head.append(f"{entry.replica}  {told}", style="bold")
    lines = [entry.reason, *([f"nearest that fits: {entry.nearest_fit}"] * bool(entry.nearest_fit))]
    return Group(head, *(_detail(line) for line in lines if line))


def _detail(line: str) -> RenderableType:
    return Padding(Text(line, style="dim"), (0, 0, 0, 6))


def _balance(balance: Balance) -> RenderableType:
    """The device as it is and as it would be; others first, then ours."""
    title = Text(f"{balance.id}  {balance.name}", style="bold")
    title.append(f"  {_beside(balance)}", style="not bold dim")
    bars = [("now", balance.before), ("then", balance.after)]
    if balance.before == balance.after:
        bars = [("stays", balance.after)]
    lines = [
        Text.assemble(f"  {label:<5}  ", _bar(balance, taken), f"  {format_bytes(taken)}")
        for label, taken in bars
    ]
    return Group(title, *lines)


def _beside(balance: Balance) -> str:
    """What a device has in all, and what of it is not for models."""
    notes = [format_bytes(balance.total)]
    if balance.reserve:
        notes.append(f"{format_bytes(balance.reserve)} reserve")
    if balance.foreign:
        inferred = " (inferred)" if balance.is_inferred else ""
        notes.append(f"{format_bytes(balance.foreign)} others{inferred}")
    return ", ".join(notes)


def _bar(balance: Balance, taken: int) -> Text:
    others = min(balance.foreign, taken)
    parts = (Part(others, "░"), Part(taken - others, "━", "green"))
    return stacked(parts, balance.total, _BAR_WIDTH)


def _action_json(change: Change, ids: Mapping[str, str]) -> dict[str, Any]:
    return {
        "action": str(change.action),
        "model": change.model,
        "replica": change.replica,
        "devices": [ids.get(uuid, uuid) for uuid in change.devices],
        "uuids": list(change.devices),
        "bytes": change.bytes,
        "reason": change.reason,
        "parts": [{"name": name, "bytes": size} for name, size in change.parts],
    }


def _count(count: int, word: str = "change") -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
