"""Device memory as a currency: what is there, who claims it, what is left. All in bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from xinf.core.nodes import Device
from xinf.core.placement import ReplicaAssignment


@dataclass(frozen=True, slots=True)
class Foreign:
    """What programs that are not ours hold on each device, by UUID.

    `inferred` are the devices that do not tell who holds their memory, so that this is only what is
    left of it when our engines are taken away.
    """

    held: Mapping[str, int] = field(default_factory=dict[str, int])
    inferred: frozenset[str] = frozenset()


NOBODY = Foreign()


@dataclass(frozen=True, slots=True)
class Account:
    """One device's balance. `reserve` is left for the desktop and others, beside what they hold
    already, which is `foreign`.
    """

    uuid: str
    total: int
    reserve: int
    claimed: int = 0
    foreign: int = 0
    is_inferred: bool = False

    @property
    def budget(self) -> int:
        """What our engines may have together; negative where others hold nearly all."""
        return self.total - self.reserve - self.foreign

    @property
    def free(self) -> int:
        """What may still be claimed; negative when the device is over-committed."""
        return self.budget - self.claimed

    @property
    def taken(self) -> int:
        """What is held or claimed, by whomever."""
        return self.foreign + self.claimed

    def claim(self, size: int) -> Account:
        return replace(self, claimed=self.claimed + size)


def open_accounts(
    devices: Iterable[Device], reserve: int, foreign: Foreign = NOBODY
) -> dict[str, Account]:
    """An account per device, nothing claimed yet."""
    return {
        device.uuid: Account(
            device.uuid,
            device.memory_total,
            reserve,
            foreign=foreign.held.get(device.uuid, 0),
            is_inferred=device.uuid in foreign.inferred,
        )
        for device in devices
    }


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
