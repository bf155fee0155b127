"""Which replica runs where: the one decision of the scheduler.

Pure, deterministic and total: the same snapshot gives the same plan, and odd input is explained,
never raised. What already has a place keeps it (stability beats perfection), unless other programs
took its memory while it was idle; then the rest is placed: what is preloaded, what requests wait
for, the others by priority. Every placement and every refusal says why.

    holdings   who holds what now                 keeping    who stays
    yielding   who gives way to other programs    placing    who enters, if need be by eviction
    seating    with which numbers                 refusals   why the others do not
"""

from __future__ import annotations

from collections.abc import Iterator

from xinf.core.placement import FOR_OTHERS, PlacementPlan, model_of
from xinf.scheduler.keeping import Cause, keep
from xinf.scheduler.placing import Placing
from xinf.scheduler.refusals import Refusals
from xinf.scheduler.seating import grow
from xinf.scheduler.snapshot import ClusterSnapshot, PlanPolicy
from xinf.scheduler.table import Table
from xinf.scheduler.wishes import by_name, problems, wishes
from xinf.scheduler.yielding import give_way


def plan(snapshot: ClusterSnapshot, policy: PlanPolicy) -> PlacementPlan:
    """The placement of every wanted replica, or the reason why it has none."""
    models = list(by_name(snapshot.wanted).values())
    held = {entry.replica: entry for entry in snapshot.current.assignments}
    table = Table(snapshot, policy)
    newcomers, causes = keep(table, wishes(models, held), held)
    newcomers += give_way(table, causes)
    placing = Placing(table, held, causes)
    running = frozenset(model_of(replica) for replica in table.seats)
    placing.place(newcomers, running)
    grow(table)
    told = {**dict(_earlier(snapshot.current)), **placing.causes}
    refusals = Refusals(table)
    refused = [
        refusals.refuse(wish, placing.able(wish), told.get(wish.replica))
        for wish in placing.left
        if not wish.model.is_pending
    ]
    unplaced = [*refused, *problems(models, table.seats)]
    return PlacementPlan(
        assignments=tuple(table.seats[replica].entry for replica in sorted(table.seats)),
        unplaced=tuple(sorted(unplaced, key=lambda entry: entry.replica)),
    )


def _earlier(plan: PlacementPlan) -> Iterator[tuple[str, Cause]]:
    """Those who lost their place in an earlier plan: they wait for what they have waited for."""
    for entry in plan.unplaced:
        if entry.cause:
            yield (
                entry.replica,
                Cause(entry.cause, entry.obstacle if entry.obstacle in FOR_OTHERS else None),
            )
