"""Device memory as a currency: what is there, who claims it, what is left. All in bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xinf.core.nodes import Device
from xinf.core.placement import ReplicaAssignment


@dataclass(frozen=True, slots=True)
class Account:
    """One device's balance. `reserve` is left for the desktop and others."""

    uuid: str
    total: int
    reserve: int
    claimed: int = 0

    @property
    def free(self) -> int:
        """What may still be claimed; negative when the device is over-committed."""
        return self.total - self.reserve - self.claimed

    def claim(self, size: int) -> Account:
        return Account(self.uuid, self.total, self.reserve, self.claimed + size)


def open_accounts(devices: Iterable[Device], reserve: int) -> dict[str, Account]:
    """An account per device, nothing claimed yet."""
    return {device.uuid: Account(device.uuid, device.memory_total, reserve) for device in devices}


def book(
    accounts: Mapping[str, Account], assignments: Iterable[ReplicaAssignment]
) -> dict[str, Account]:
    """`accounts` after every assignment has claimed its memory on each of its devices."""
    after = dict(accounts)
    for assignment in assignments:
        for uuid in assignment.devices:
            if uuid in after:
                after[uuid] = after[uuid].claim(assignment.memory_bytes)
    return after
