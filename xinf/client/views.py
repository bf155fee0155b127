"""What the admin API answers, typed. Unknown fields are ignored: the daemon may be newer."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from xinf.core.views import DeviceView, ModelView, ReplicaView


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The running xinf. `config_file` is None when it runs on defaults alone."""

    url: str
    version: str
    pid: int
    uptime_seconds: float
    config_file: str | None
    devices: tuple[DeviceView, ...]
    models: tuple[ModelView, ...]
    replicas: tuple[ReplicaView, ...]
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


STATUS = TypeAdapter(DaemonStatus)
MOMENT = TypeAdapter(Moment)
MODEL = TypeAdapter(ModelView)
MODELS = TypeAdapter(ModelList)
REPLICAS = TypeAdapter(ReplicaList)
ENDING = TypeAdapter(Ending)
