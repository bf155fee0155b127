"""Which models must leave a device so that another may enter.

A model that is answering, pinned or asked for itself never leaves, and none leaves for one that
matters less. Among the others those go first that are cheapest to miss: long unused and quick to
load again. If even all of them are not enough, nobody leaves.

Decides only. `agent` acts on the plan that comes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xinf.scheduler.wishes import Claimant


@dataclass(frozen=True, slots=True)
class Resident:
    """A replica that has a place on a device, and what speaks for leaving it there.

    `idle_s` is how long it has not been used, infinite if nothing of it is loaded; it `is_settled`
    once it has been there and idle for as long as settings ask for.
    """

    replica: str
    memory_bytes: int
    priority: int
    reload_s: float = 0.0
    idle_s: float = 0.0
    is_busy: bool = False
    is_pinned: bool = False
    is_asked_for: bool = False
    is_settled: bool = True

    @property
    def worth(self) -> float:
        """What its leaving would cost: seconds to load it again, the less the longer unused."""
        return (1.0 + self.reload_s) / (1.0 + self.idle_s)


def may_leave(resident: Resident, claimant: Claimant) -> bool:
    """Whether a replica has to make room; for its like only where requests wait for that one."""
    if resident.is_busy or resident.is_pinned or resident.is_asked_for:
        return False
    if not resident.is_settled and not claimant.is_person:
        return False
    if resident.priority == claimant.priority:
        return claimant.is_demanded
    return resident.priority < claimant.priority


def make_room(
    need_bytes: int, free_bytes: int, residents: Iterable[Resident], claimant: Claimant
) -> tuple[Resident, ...] | None:
    """Who leaves so that `need_bytes` fit; nobody if they fit already, None if they never would."""
    leaving: list[Resident] = []
    for resident in _cheapest_first(residents, claimant):
        if free_bytes >= need_bytes:
            break
        leaving.append(resident)
        free_bytes += resident.memory_bytes
    if free_bytes < need_bytes:
        return None
    return tuple(without_vain(leaving, free_bytes - need_bytes))


def _cheapest_first(residents: Iterable[Resident], claimant: Claimant) -> list[Resident]:
    """The less important ones first, then by worth; those that hold nothing would leave in vain."""
    able = [each for each in residents if each.memory_bytes > 0 and may_leave(each, claimant)]
    return sorted(able, key=lambda each: (each.priority, each.worth, each.replica))


def without_vain(leaving: list[Resident], spare_bytes: int) -> Iterator[Resident]:
    """`leaving` without those whose memory turned out not to be needed, the dearest asked first."""
    kept: set[str] = set()
    for resident in reversed(leaving):
        if resident.memory_bytes <= spare_bytes:
            spare_bytes -= resident.memory_bytes
            kept.add(resident.replica)
    return (resident for resident in leaving if resident.replica not in kept)
