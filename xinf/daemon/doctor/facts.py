"""What was seen of the machine: all that checks may depend on. Sizes are bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from xinf.core.nodes import Sighting


@dataclass(frozen=True, slots=True)
class Room:
    """A disk, or memory that looks like one. `problem` says why nothing is known of it."""

    place: str
    free: int = 0
    total: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PortSeen:
    """Where xinf is to listen. `holder` names the program that has the port, empty = free."""

    host: str
    port: int
    holder: str = ""
    is_ours: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StoreSeen:
    """The database. `problem` and `next_step` say why it cannot be opened, if so."""

    place: str
    exists: bool
    problem: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class RuntimeSeen:
    """An engine environment. `kind` is the kind of device that it is for; `unmet` and `next_step`
    say what of the machine it lacks; `download_bytes` what installing it takes. `is_default` = a
    model that names no engine runs in it on this machine; `is_own` = the user brought it.
    """

    variant: str
    kind: str
    state: str
    versions: tuple[str, ...] = ()
    unmet: str = ""
    next_step: str = ""
    download_bytes: int = 0
    is_default: bool = False
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSeen:
    """A process of this user's that is part of an engine of xinf's. `is_attended` = the xinf that
    it belongs to is alive.
    """

    pid: int
    session: int
    name: str
    is_attended: bool


class Reach(StrEnum):
    """What became of two processes that were to reach each other's devices."""

    WORKS = "works"
    HANGS = "hangs"
    WRONG = "wrong"  # they met, and what they computed is not right
    CRASHED = "crashed"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class PeersSeen:
    """Two GPUs, by their ids. `without` is what became of them when peer-to-peer was turned off."""

    pair: tuple[str, str]
    reach: Reach
    detail: str = ""
    without: Reach = Reach.UNTRIED


@dataclass(frozen=True, slots=True)
class SettingsSeen:
    """`problems` are sentences. `file` is empty where there is none."""

    file: str = ""
    problems: tuple[str, ...] = ()
    compatibility_problem: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything. What could not be looked at is None."""

    sighting: Sighting
    settings: SettingsSeen = SettingsSeen()
    store: StoreSeen | None = None
    port: PortSeen | None = None
    state: Room | None = None
    cache: Room | None = None
    shm: Room | None = None
    memory_available: int | None = None
    open_files: tuple[int, int] | None = None
    runtimes: tuple[RuntimeSeen, ...] = ()
    processes: tuple[ProcessSeen, ...] = ()
    peers: tuple[PeersSeen, ...] = ()
    # By kind of device, as compatibility rules know them.
    circumstances: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict[str, Mapping[str, str]]
    )
