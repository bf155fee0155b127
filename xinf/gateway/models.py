"""GET /v1/models and /v1/models/{id}: every declared model, loaded or not, under all its names.

The rows are the union of what clients look for: OpenAI's fields, vLLM's `max_model_len`,
OpenRouter's `context_length`, and `status` as llama.cpp's and llama-swap's routers have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web

from xinf.core.json import JsonValue
from xinf.core.states import EngineState, ModelState
from xinf.core.views import ModelView
from xinf.gateway.site import Call
from xinf.router.directory import ModelDirectory
from xinf.router.overview import Overview
from xinf.router.standing import unknown_model

_STATUS: Mapping[ModelState, str] = MappingProxyType(
    {
        ModelState.READY: "loaded",
        ModelState.LOADING: "loading",
        ModelState.QUEUED: "loading",
        ModelState.FAILED: "failed",
    }
)


@dataclass(frozen=True, slots=True)
class Models:
    """`created` is when this xinf started: models are declared, not trained here."""

    directory: ModelDirectory
    overview: Overview
    created: int

    async def list(self, call: Call) -> web.Response:
        await self.overview.synced()
        rows = [
            self._row(name, view)
            for view in self.overview.model_rows()
            for name in (view.name, *view.aliases)
            if self._means(name, view.name)
        ]
        return web.json_response({"object": "list", "data": rows})

    async def get(self, call: Call) -> web.Response:
        await self.overview.synced()
        found = self.directory.resolve(call.tail)
        view = self.overview.model(found[0]) if found else None
        if view is None:
            raise unknown_model(call.tail, self.directory.names())
        return web.json_response(self._row(call.tail, view))

    def _means(self, name: str, model: str) -> bool:
        """Not so for an alias that another model has before."""
        found = self.directory.resolve(name)
        return found is not None and found[0] == model

    def _row(self, name: str, view: ModelView) -> dict[str, JsonValue]:
        row: dict[str, JsonValue] = {
            "id": name,
            "object": "model",
            "created": self.created,
            "owned_by": "xinf",
            "root": view.name,
            "status": _STATUS.get(view.state, "unloaded"),
        }
        context = self._context(view.name)
        if context is not None:
            row |= {"context_length": context, "max_model_len": context}
        return row

    def _context(self, model: str) -> int | None:
        """What its engines really allow; before they are there, what was asked for."""
        engines = self.overview.engines.items.values()
        known = [
            engine.context
            for engine in engines
            if engine.model == model and engine.state is EngineState.READY and engine.context
        ]
        intent = self.overview.models.items.get(model)
        asked = intent.spec.context if intent and intent.spec else None
        return min(known) if known else asked
