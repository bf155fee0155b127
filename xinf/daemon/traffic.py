"""What requests do, as plans see it: which replicas they use, and which models they wait for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xinf.daemon.picture import Use
from xinf.router.admission import Admission
from xinf.router.endpoints import EndpointTable
from xinf.scheduler.snapshot import Demand


@dataclass(frozen=True, slots=True)
class RouterTraffic:
    """Reads only memory."""

    admission: Admission
    table: EndpointTable

    def uses(self) -> Mapping[str, Use]:
        return {replica: Use(*use) for replica, use in self.table.uses().items()}

    def demand(self) -> Mapping[str, Demand]:
        return {
            model: Demand(each.waiting, each.since, each.priority)
            for model, each in self.admission.unserved().items()
        }

    def subscribe(self, ring: Callable[[], None]) -> None:
        """Call `ring` when a request begins to wait for a model that nobody serves, and, while any
        does, when a replica may have become idle.
        """

        def ring_if_wanted() -> None:
            if self.admission.unserved():
                ring()

        self.admission.on_unserved(ring)
        self.table.subscribe(ring_if_wanted)
