"""What the admin API answers, typed. Unknown fields are ignored: the daemon may be newer."""

from __future__ import annotations

from dataclasses import dataclass

from xinf.core.events import Event
from xinf.core.views import DeviceView, ModelView, ReplicaView
from xinf.meta.events import Recorded, severity_of


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The running xinf. `config_file` is None when it runs on defaults alone.

    `worker_pid` is the process that runs the engines, None when there is none. `config_problem`
    says why the file as it is now does not hold, `config_waiting` which changed settings apply at
    the next restart. `instance` tells this run from the next, which may have the same pid.
    `device_problems` say what is known to be wrong with devices.
    """

    url: str
    version: str
    pid: int
    uptime_seconds: float
    config_file: str | None
    devices: tuple[DeviceView, ...]
    models: tuple[ModelView, ...]
    replicas: tuple[ReplicaView, ...]
    instance: str = ""
    worker_pid: int | None = None
    config_problem: str | None = None
    config_waiting: tuple[str, ...] = ()
    device_problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a watch: everything as it is now. `ready` = all that is to be loaded answers."""

    models: tuple[ModelView, ...]
    replicas: tuple[ReplicaView, ...]
    ready: bool


@dataclass(frozen=True, slots=True)
class ModelList:
    models: tuple[ModelView, ...]


@dataclass(frozen=True, slots=True)
class ReplicaList:
    replicas: tuple[ReplicaView, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """The daemon has begun to end; it is gone when the process `pid` is."""

    pid: int


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event as it travels: flat, with its number."""

    id: int
    at: float
    kind: str
    subject: str
    message: str
    model: str = ""
    severity: str = "info"

    @property
    def recorded(self) -> Recorded:
        level = severity_of(self.severity)
        event = Event(self.at, self.kind, self.subject, self.message, self.model, level)
        return Recorded(self.id, event)


@dataclass(frozen=True, slots=True)
class EventList:
    events: tuple[EventLine, ...]
