"""What another plan would change, for `plan`, `apply` and the event log."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from xinf.core.placement import Unplaced


class Action(StrEnum):
    """`resize` gives a replica another claim where it is, and restarts it; `evict` is a stop for
    another model's or program's sake.
    """

    START = "start"
    STOP = "stop"
    MOVE = "move"
    RESTART = "restart"
    RESIZE = "resize"
    EVICT = "evict"


@dataclass(frozen=True, slots=True)
class Change:
    """One replica's. `devices` are where it will be (for a stop: where it was), `bytes` its claim
    on each of them. `parts` are what the claim is made of, where that is known.
    """

    action: Action
    model: str
    replica: str
    devices: tuple[str, ...]
    bytes: int
    reason: str
    parts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Balance:
    """One device before and after: bytes that are taken or claimed, by whomever.

    `id` is for people. `foreign` is what programs hold that are not ours (`is_inferred` = worked
    out, for the device does not tell), `reserve` what is left free for them.
    """

    id: str
    uuid: str
    name: str
    total: int
    before: int
    after: int
    foreign: int = 0
    reserve: int = 0
    is_inferred: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """All that would change, what still would have no place, and the devices' balances."""

    changes: tuple[Change, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()
    devices: tuple[Balance, ...] = ()
    # Models that go on as they are.
    untouched: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.changes

    @property
    def fits(self) -> bool:
        """Whether everything has a place or may get one without a change of settings."""
        return all(entry.may_fit_later for entry in self.unplaced)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a config file would change.

    `file` is where it was read from, empty where there is none and defaults alone were looked at.
    `misfits` are the models that should be up with it and have no place; `waiting` are changed
    settings that only the next start would apply. `unseen` are the models whose files nobody could
    look at, by name, each with the reason.
    """

    preview: Preview
    file: str = ""
    misfits: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    unseen: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """The config file that is followed now, and where what it said before is kept; empty = none."""

    file: str
    kept: str = ""
