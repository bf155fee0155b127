"""Places for those that have none: on free memory, or in the place of others that matter less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xinf.core.placement import Obstacle, ReplicaAssignment
from xinf.scheduler.clearing import Clearing, Clearings
from xinf.scheduler.keeping import Cause, keeps_its_numbers
from xinf.scheduler.places import Range, Spot, find_spot, ranges
from xinf.scheduler.seating import kept_seat, new_seat
from xinf.scheduler.table import Table
from xinf.scheduler.wishes import Claimant, Wish, in_turn, is_pressing, waits_for_a_request


class Placing:
    """One plan's search for places. `left` are those that have none at the end.

    `causes` tell of replicas that had a place why they had to leave it; it grows.
    """

    def __init__(
        self, table: Table, held: Mapping[str, ReplicaAssignment], causes: dict[str, Cause]
    ) -> None:
        self.causes = causes
        self.left: list[Wish] = []
        self._table = table
        self._held = held
        self._clearings = Clearings(table)
        self._able: dict[str, tuple[Range, ...]] = {}

    def able(self, wish: Wish) -> tuple[Range, ...]:
        """All devices that suit its model, looked for once."""
        found = self._able.get(wish.model.name)
        if found is None:
            found = self._able[wish.model.name] = tuple(ranges(self._table, wish.model))
        return found

    def place(self, newcomers: Iterable[Wish], running: frozenset[str]) -> None:
        """Go on until nobody who has no place could get one.

        Whoever enters by eviction may leave room that suits another, so that all are asked again.
        That ends, for each eviction puts somebody in a place who matters more than those who left.
        """
        waiting = in_turn(newcomers, running)
        is_open = True
        while is_open:
            evicted: list[Wish] = []
            left = [wish for wish in waiting if not self._enter(wish, running, evicted)]
            waiting = in_turn([*left, *evicted], running)
            is_open = bool(evicted)
        self.left = waiting

    def _enter(self, wish: Wish, running: frozenset[str], evicted: list[Wish]) -> bool:
        """Whether a replica got a place; who had to leave for it is added to `evicted`."""
        if waits_for_a_request(wish) or wish.model.is_pending:
            return False
        able = self.able(wish)
        spot = find_spot(self._table, wish, able)
        if spot is not None:
            self._sit(wish, spot, "")
            return True
        is_demanded = is_pressing(wish, running)
        clearing = self._clearings.cheapest(able, Claimant(wish.model.priority, is_demanded))
        if clearing is None:
            return False
        evicted.extend(self._evict(clearing, wish, is_demanded))
        names = ", ".join(resident.replica for resident in clearing.leaving)
        self._sit(wish, clearing.spot, f"in place of {names}")
        return True

    def _evict(self, clearing: Clearing, newcomer: Wish, is_demanded: bool) -> list[Wish]:
        right = "for which requests wait" if is_demanded else "which matters more"
        cause = Cause(f"made room for {newcomer.replica}, {right}", Obstacle.EVICTED)
        gone = [self._table.leave(resident.replica).wish for resident in clearing.leaving]
        # One that was only just placed has nothing to be told of: it never ran.
        self.causes.update({wish.replica: cause for wish in gone if wish.replica in self._held})
        return gone

    def _sit(self, wish: Wish, spot: Spot, note: str) -> None:
        before = self._held.get(wish.replica)
        is_there = before is not None and self._is_there(spot, before)
        if before is not None and is_there and self._fits_again(wish, before):
            self._table.sit(kept_seat(self._table, wish, before))
            return
        cause = self.causes.get(wish.replica) if before is not None else None
        what = "starts anew where it was" if is_there else "moved"
        story = f"{what}: {cause.told}" if cause is not None else ""
        self._table.sit(new_seat(self._table, wish, spot, (story, note)))

    def _is_there(self, spot: Spot, before: ReplicaAssignment) -> bool:
        """Whether these are the devices that a replica has been on."""
        devices = {self._table.devices[number].uuid for number in spot.numbers}
        return set(before.devices) == devices

    def _fits_again(self, wish: Wish, before: ReplicaAssignment) -> bool:
        """Whether it finds room for the numbers that its engine was started with."""
        numbers = [self._table.number[uuid] for uuid in before.devices]
        fits = all(self._table.free[number] >= before.memory_bytes for number in numbers)
        return fits and keeps_its_numbers(self._table, wish, before)
