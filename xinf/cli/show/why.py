"""Why a model is where it is: who asked, where its replicas are, who has the rest of the room."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from xinf.cli.show.events import event_line
from xinf.cli.show.tables import headline, state_text
from xinf.core.placement import Obstacle, Unplaced
from xinf.core.units import format_bytes
from xinf.core.why import Explanation, Holder, ReplicaStory, Requirement, Room
from xinf.tui.text import brief


def why_view(found: Explanation, zone: tzinfo | None = None) -> RenderableType:
    """All of it, for a person. `zone` None is that of this machine."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for label, text in _rows(found, zone):
        table.add_row(label, text)
    events = [event_line(event, zone) for event in found.events]
    tail = [Text(), Text("last events", style="bold"), *events] if events else []
    return Group(_head(found), table, *tail)


def _head(found: Explanation) -> Text:
    verb = "has" if found.state == "failed" else "is"
    line = Text(f"{found.model} {verb} ", style="bold")
    line.append_text(state_text(found.state))
    line.append(f", asked for by the {found.asked_by}")
    if found.config_file:
        line.append(f" {found.config_file}")
    line.append(f" (activation {found.activation})")
    return line


def _rows(found: Explanation, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    seating = found.seating
    yield "engine", " from ".join(part for part in (found.engine, found.source) if part)
    if seating.need is not None:
        yield "needs", need_words(seating.need)
    for story in seating.replicas:
        yield from _story(story, zone)
    for entry in seating.unplaced:
        yield from _unplaced(entry)
    if not seating.replicas and not seating.unplaced and found.reason:
        yield "why", headline(found.reason)
    if seating.unplaced:
        yield from ((room.id, room_words(room)) for room in seating.rooms)
    if found.waiting:
        yield "waiting", f"{found.waiting} request{'' if found.waiting == 1 else 's'}"
    yield from _to_do(found)


def need_words(need: Requirement) -> str:
    """As in `17.2 GiB: weights 15.0 GiB + KV cache 2.2 GiB, 32768 tokens (estimated)`."""
    where = f" on each of {need.devices} devices" if need.devices > 1 else ""
    parts = " + ".join(f"{name} {format_bytes(size)}" for name, size in need.parts)
    tokens = f", {need.context} tokens" if need.context else ""
    return (
        f"{format_bytes(need.bytes)}{where}{f': {parts}' if parts else ''}{tokens} ({need.basis})"
    )


def room_words(room: Room) -> str:
    """As in `31.8 GiB - 1.0 GiB reserve - 26.1 GiB coder/0 (busy, pinned) = 4.7 GiB free`."""
    terms = [format_bytes(room.total)]
    if room.reserve:
        terms.append(f"{format_bytes(room.reserve)} reserve")
    if room.foreign:
        inferred = " (inferred)" if room.is_inferred else ""
        terms.append(f"{format_bytes(room.foreign)} others{inferred}")
    terms += [_holder_words(holder) for holder in room.holders]
    return f"{' - '.join(terms)} = {format_bytes(max(room.free, 0))} free"


def _holder_words(holder: Holder) -> str:
    marks = ["busy" if holder.is_busy else "idle", *(["pinned"] if holder.is_pinned else [])]
    return f"{format_bytes(holder.bytes)} {holder.replica} ({', '.join(marks)})"


def _story(story: ReplicaStory, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    since = "" if story.since is None else f" since {_clock_time(story.since, zone)}"
    state = f"{story.state}{since}" if story.state else "not begun"
    where = f"{format_bytes(story.bytes)} on {', '.join(story.devices)}"
    tokens = f", {story.context} tokens" if story.context else ""
    yield story.replica, f"{state}, {where}{tokens}"
    reasons = [story.why, *([headline(story.reason)] if story.state != "ready" else [])]
    yield from (("", reason) for reason in reasons if reason)
    for rule in story.rules:
        yield "", f"rule {rule.name}: {rule.reason}{f' ({rule.link})' if rule.link else ''}"


def _unplaced(entry: Unplaced) -> Iterator[tuple[str, str]]:
    told = "waits to be asked for" if entry.obstacle is Obstacle.ON_DEMAND else "has no place"
    yield entry.replica, f"{told} ({entry.obstacle})"
    # The devices' sums are the rows that follow; that it waits has just been said.
    if entry.obstacle is not Obstacle.ON_DEMAND:
        yield "", brief(entry.reason) if entry.may_fit_later else entry.reason


def _to_do(found: Explanation) -> Iterator[tuple[str, str]]:
    """What would help, as commands and settings to write."""
    nearest = dict.fromkeys(entry.nearest_fit for entry in found.seating.unplaced)
    for change in filter(None, nearest):
        yield "do", change
    obstacles = {entry.obstacle for entry in found.seating.unplaced}
    if found.state == "off":
        asking = "send it a request, or " if Obstacle.ON_DEMAND in obstacles else ""
        yield "do", f"{asking}xinf launch {found.model}"
    elif Obstacle.NO_ROOM in obstacles and not any(nearest):
        yield "do", "`xinf terminate` a model that holds the room, or give this one more priority"
    elif Obstacle.TOO_LARGE in obstacles and not any(nearest):
        yield "do", "nothing that xinf knows makes it fit here: take a smaller one"
    elif found.state == "failed" and not obstacles:
        yield "do", f"xinf logs {found.model}, then change its settings: that tries again"


def _clock_time(at: float, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S")
