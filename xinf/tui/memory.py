"""Who holds a device's memory, as far as it can be told from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xinf.core.views import DeviceView, ReplicaView


@dataclass(frozen=True, slots=True)
class Split:
    """Bytes of one device. `models` hold theirs by name; `claimed` is promised, not yet taken.

    `others` is what programs that are not ours hold, as the last plan judged it, and before that
    what is used beyond all claims. `reserve` is what plans leave free beside it.
    """

    total: int
    models: Mapping[str, int]
    claimed: int
    others: int
    reserve: int = 0

    @property
    def taken(self) -> int:
        return sum(self.models.values()) + self.claimed + self.others

    @property
    def free(self) -> int:
        """What models may still take."""
        return max(self.total - self.taken - self.reserve, 0)


def split(device: DeviceView, replicas: Iterable[ReplicaView]) -> Split:
    """How the memory of `device` is divided. A replica on several devices holds equal parts."""
    models: dict[str, int] = {}
    for replica in sorted(replicas, key=lambda each: each.model):
        if device.uuid in replica.devices and replica.memory_bytes > 0:
            part = replica.memory_bytes // len(replica.devices)
            models[replica.model] = models.get(replica.model, 0) + part
    held = sum(models.values())
    ours = max(held, device.memory_claimed)
    beyond = max(device.memory_used - ours, 0)
    others = beyond if device.memory_foreign is None else device.memory_foreign
    return Split(
        total=device.memory_total,
        models=models,
        claimed=ours - held,
        others=others,
        reserve=max(min(device.memory_reserve, device.memory_total - ours - others), 0),
    )
