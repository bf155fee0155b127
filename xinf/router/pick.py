"""Which replica answers: a pure choice among what is known of them.

An endpoint that is not live, is draining, or is full is never chosen. Among the others the policy's
lowest score wins; equal scores go to the replica that was chosen least often, then by name, so that
the same endpoints always give the same answer and sequential requests do not all meet one replica.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EndpointView:
    """One replica as the router sees it now.

    `inflight` counts requests that this router has there; `capacity` how many it gives it at most.
    `running` and `waiting` are what the engine does with them, by its own last word. `chosen`
    counts all requests so far. `instance` changes with every start of the replica's process.
    """

    replica: str
    model: str
    instance: str
    is_live: bool = True
    is_draining: bool = False
    inflight: int = 0
    capacity: int = 1
    running: int = 0
    waiting: int = 0
    chosen: int = 0

    @property
    def is_full(self) -> bool:
        return self.inflight >= self.capacity


class Policy(Protocol):
    """How much a request would cost on a replica; lower is better. Pure."""

    name: str

    def score(self, endpoint: EndpointView) -> float: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """The chosen replica, and why; `scores` holds every replica that was eligible."""

    replica: str
    reason: str
    scores: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class NoEndpoint:
    """Nobody can take the request now, and why."""

    reason: str


def pick(
    endpoints: Iterable[EndpointView], policy: Policy, avoid: Collection[str] = ()
) -> Decision | NoEndpoint:
    """The replica for one more request. `avoid` names instances that have just failed it."""
    candidates = [(_obstacle(endpoint, avoid), endpoint) for endpoint in endpoints]
    eligible = [endpoint for obstacle, endpoint in candidates if obstacle is None]
    if not eligible:
        return NoEndpoint(_no_endpoint(candidates))
    scores = {endpoint.replica: policy.score(endpoint) for endpoint in eligible}
    best = min(eligible, key=lambda each: (scores[each.replica], each.chosen, each.replica))
    among = f" of {len(eligible)}" if len(eligible) > 1 else ""
    why = f"{policy.name}: {scores[best.replica]:g}, the lowest{among}"
    return Decision(best.replica, why, scores)


def _obstacle(endpoint: EndpointView, avoid: Collection[str]) -> str | None:
    if not endpoint.is_live:
        return "not connected"
    if endpoint.is_draining:
        return "draining"
    if endpoint.instance in avoid:
        return "has just failed this request"
    if endpoint.is_full:
        return f"full with {endpoint.inflight} requests"
    return None


def _no_endpoint(candidates: Iterable[tuple[str | None, EndpointView]]) -> str:
    obstacles = [f"{endpoint.replica} is {obstacle}" for obstacle, endpoint in candidates]
    return ", ".join(sorted(obstacles)) or "no replica is running"
