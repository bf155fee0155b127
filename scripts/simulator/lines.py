"""The requests that wait, each model's in one line, as `router.admission` keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.simulator.arrivals import Request
from xinf.scheduler.snapshot import Demand


@dataclass(slots=True)
class Lines:
    """Whoever is urgent or came early is served first."""

    _lines: dict[str, list[Request]] = field(default_factory=dict[str, list[Request]])

    def join(self, request: Request) -> None:
        line = self._lines.setdefault(request.model, [])
        line.append(request)
        line.sort(key=lambda each: (each.priority, each.number))

    def next(self, model: str) -> Request | None:
        line = self._lines.get(model)
        return line[0] if line else None

    def leave(self, request: Request) -> bool:
        """Whether it was still waiting."""
        line = self._lines.get(request.model, [])
        if request not in line:
            return False
        line.remove(request)
        return True

    def waiting(self) -> tuple[Request, ...]:
        found = (request for line in self._lines.values() for request in line)
        return tuple(sorted(found, key=lambda each: each.number))

    def demand(self, served: frozenset[str]) -> Mapping[str, Demand]:
        """What requests wait for in vain; `served` are the models that some engine answers for."""
        return {
            model: Demand(
                len(line),
                min(request.at for request in line),
                min(request.priority for request in line),
            )
            for model, line in sorted(self._lines.items())
            if line and model not in served
        }
