"""The replica with the fewest requests of ours.

Our own count has no lag. What an engine reports of itself is a moment old, and choosing by it would
send a whole burst to one replica.
"""

from __future__ import annotations

from xinf.router.pick import EndpointView


class LeastConnections:
    name = "least_connections"

    def score(self, endpoint: EndpointView) -> float:
        return endpoint.inflight
