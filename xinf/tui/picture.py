"""Everything that one frame shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xinf.client.views import DaemonStatus
from xinf.core.views import ReplicaView


@dataclass(frozen=True, slots=True)
class Picture:
    """`wall` is seconds since the epoch. `rates` are tokens a second by replica.

    They are None when xinf was looked at only once. With a `notice` the rest is history.
    """

    status: DaemonStatus
    wall: float
    rates: Mapping[str, float] | None = None
    notice: str = ""

    def replicas_of(self, model: str) -> tuple[ReplicaView, ...]:
        return tuple(each for each in self.status.replicas if each.model == model)
