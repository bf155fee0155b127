"""What a live view knows, and what each event makes of it. Decides only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeAlias, assert_never

from xinf.client.views import DaemonStatus, Moment
from xinf.core.events import Event as Happened
from xinf.core.units import format_seconds
from xinf.tui.picture import Picture
from xinf.tui.rates import Sample, rates, remembered, sample

# A busy daemon may be late; after so long without a word the view says that it is old.
SILENCE_S = 4.0


class Key(Enum):
    QUIT = auto()
    UP = auto()
    DOWN = auto()
    PAGE_UP = auto()
    PAGE_DOWN = auto()


@dataclass(frozen=True, slots=True)
class Seen:
    """The whole status. `now` is a clock's own seconds, `wall` the wall's; `events` are the last
    ones, oldest first.
    """

    status: DaemonStatus
    now: float
    wall: float
    events: tuple[Happened, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """A moment of a watch: newer models and replicas."""

    moment: Moment


@dataclass(frozen=True, slots=True)
class Lost:
    """Nobody answers."""


@dataclass(frozen=True, slots=True)
class Ticked:
    now: float
    wall: float


@dataclass(frozen=True, slots=True)
class Pressed:
    """`page` is how many lines are seen at once."""

    key: Key
    page: int


Event: TypeAlias = Seen | Changed | Lost | Ticked | Pressed


@dataclass(frozen=True, slots=True)
class Watching:
    """`seen_at` and `now` are a clock's own seconds; `offset` lines are scrolled away."""

    status: DaemonStatus
    seen_at: float
    now: float
    wall: float
    samples: tuple[Sample, ...] = ()
    is_lost: bool = False
    offset: int = 0
    is_over: bool = False
    events: tuple[Happened, ...] = ()

    def picture(self) -> Picture:
        return Picture(self.status, self.wall, rates(self.samples) or {}, self._notice())

    def _notice(self) -> str:
        silent_s = self.now - self.seen_at
        if self.is_lost:
            return "xinf has ended; this is how it last was. Waiting for it to come back"
        if silent_s > SILENCE_S:
            return f"xinf has not answered for {format_seconds(silent_s)}"
        return ""


def begin(first: Seen) -> Watching:
    return Watching(
        first.status, first.now, first.now, first.wall, (sample(first.status.replicas, first.now),)
    )


def fold(state: Watching, event: Event) -> Watching:
    """The state after `event`."""
    match event:
        case Seen(status, now, wall, events):
            samples = remembered(state.samples, sample(status.replicas, now))
            seen = replace(state, status=status, seen_at=now, now=now, wall=wall)
            return replace(seen, samples=samples, is_lost=False, events=events)
        case Changed(moment):
            newer = replace(state.status, models=moment.models, replicas=moment.replicas)
            return replace(state, status=newer)
        case Lost():
            return replace(state, is_lost=True, samples=())
        case Ticked(now, wall):
            return replace(state, now=now, wall=wall)
        case Pressed(key, page):
            return _pressed(state, key, page)
        case _:
            assert_never(event)


def _pressed(state: Watching, key: Key, page: int) -> Watching:
    if key is Key.QUIT:
        return replace(state, is_over=True)
    step = {Key.UP: -1, Key.DOWN: 1, Key.PAGE_UP: -page, Key.PAGE_DOWN: page}[key]
    return replace(state, offset=max(state.offset + step, 0))
