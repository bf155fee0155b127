"""GET /, /health and /ready: alive, and serving what is to be served."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from xinf.core.clock import Clock
from xinf.core.json import JsonValue
from xinf.gateway.site import Call
from xinf.router.endpoints import EndpointTable
from xinf.router.overview import Overview
from xinf.router.standing import Standing

# The store's records are read in milliseconds; a probe does not wait for more than that is worth.
KNOWN_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Missing:
    """A wanted model that does not answer yet, and why."""

    model: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether every model that should be up answers: ready by its record, and connected."""

    overview: Overview
    table: EndpointTable

    def missing(self) -> tuple[Missing, ...]:
        """Who does not, by name. Meaningful once the records have been read."""
        due = [row.name for row in self.overview.model_rows() if row.is_due]
        standings = [self.overview.standing(name) for name in due]
        return tuple(
            Missing(each.model, str(each.state), self._reason(each))
            for each in standings
            if each is not None and not self.answers(each.model)
        )

    def answers(self, model: str) -> bool:
        """Whether a request for `model` would be given to an engine at once, or stand in line."""
        views = self.table.view(model)
        return any(view.is_live and not view.is_draining for view in views)

    def _reason(self, standing: Standing) -> str:
        troubles = self.table.troubles(standing.model)
        return "; ".join(troubles) if troubles else standing.words


@dataclass(frozen=True, slots=True)
class Health:
    readiness: Readiness
    version: str
    clock: Clock

    async def root(self, call: Call) -> web.Response:
        about = {"name": "xinf", "version": self.version, "api": "/v1", "ready": "/ready"}
        return web.json_response(about)

    async def alive(self, call: Call) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, call: Call) -> web.Response:
        try:
            async with self.clock.timeout(KNOWN_WITHIN_S):
                await self.readiness.overview.synced()
        except TimeoutError:
            return _not_ready([{"model": None, "state": "starting", "reason": "xinf is starting"}])
        missing = self.readiness.missing()
        if missing:
            return _not_ready(
                [{"model": m.model, "state": m.state, "reason": m.reason} for m in missing]
            )
        return web.json_response({"ready": True, "missing": []})


def _not_ready(missing: list[dict[str, JsonValue]]) -> web.Response:
    return web.json_response({"ready": False, "missing": missing}, status=503)
