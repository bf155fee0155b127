"""The routes of the two doors: every URL that xinf answers stands here."""

from __future__ import annotations

from dataclasses import dataclass

from xinf.core.clock import Clock
from xinf.gateway.admin import Admin
from xinf.gateway.completions import Completions, Patience
from xinf.gateway.health import Health, Readiness
from xinf.gateway.history import History
from xinf.gateway.limits import Limits
from xinf.gateway.models import Models
from xinf.gateway.openai import parse_chat, parse_completion, parse_embedding
from xinf.gateway.planning import Planning
from xinf.gateway.security import Doorkeeper
from xinf.gateway.site import Endings, Route, Site
from xinf.router.directory import ModelDirectory
from xinf.router.overview import Overview
from xinf.router.router import Router


@dataclass(frozen=True, slots=True)
class PublicParts:
    """What the public door is made of."""

    router: Router
    directory: ModelDirectory
    overview: Overview
    readiness: Readiness
    doorkeeper: Doorkeeper
    limits: Limits
    patience: Patience
    version: str
    clock: Clock


def build_public_app(parts: PublicParts) -> Site:
    """OpenAI's API and the probes."""
    health = Health(parts.readiness, parts.version, parts.clock)
    models = Models(parts.directory, parts.overview, created=int(parts.clock.wall()))
    chat, completions, embeddings = (
        Completions(
            endpoint,
            parse,
            parts.router,
            parts.directory,
            parts.overview,
            parts.limits,
            parts.patience,
            parts.clock,
        )
        for endpoint, parse in (
            ("/v1/chat/completions", parse_chat),
            ("/v1/completions", parse_completion),
            ("/v1/embeddings", parse_embedding),
        )
    )
    routes = (
        Route("POST", chat.endpoint, chat),
        Route("POST", completions.endpoint, completions),
        Route("POST", embeddings.endpoint, embeddings),
        Route("GET", "/v1/models", models.list),
        Route("GET", "/v1/models/", models.get),
        Route("GET", "/", health.root),
        Route("GET", "/health", health.alive),
        Route("GET", "/ready", health.ready),
    )
    endings = Endings(drain=parts.router.drain, cut=parts.router.cut)
    return Site(routes, parts.doorkeeper, endings)


def build_admin_app(admin: Admin, history: History, planning: Planning) -> Site:
    """What only the owner of the machine may ask, over the private socket."""
    routes = (
        Route("GET", "/admin/v1/status", admin.status),
        Route("GET", "/admin/v1/models", admin.models),
        Route("GET", "/admin/v1/replicas", admin.replicas),
        Route("GET", "/admin/v1/watch", admin.watch),
        Route("GET", "/admin/v1/events", history.list),
        Route("GET", "/admin/v1/why/", planning.why),
        Route("POST", "/admin/v1/plan", planning.plan),
        Route("POST", "/admin/v1/apply", planning.apply),
        Route("POST", "/admin/v1/models", admin.launch),
        Route("DELETE", "/admin/v1/models/", admin.terminate),
        Route("POST", "/admin/v1/shutdown", admin.shutdown),
    )
    return Site(routes, with_exit_codes=True)
