"""`xinf why`: everything that is known of one model, gathered from those who know it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from xinf.core.engines import RunningEngine
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.models import ModelIntent, ModelSpec
from xinf.core.placement import model_of
from xinf.core.views import ModelView
from xinf.core.why import Explanation, ReplicaStory, Seating
from xinf.daemon.planner import Planner
from xinf.meta.events import EventQuery, EventTable
from xinf.router.directory import ModelDirectory
from xinf.router.overview import Overview
from xinf.scheduler.why import seating

EVENTS_TOLD = 10


@dataclass(frozen=True, slots=True)
class Explaining:
    """`waiting` counts the requests that wait for a model; `file` is the config file by now."""

    planner: Planner
    overview: Overview
    directory: ModelDirectory
    events: EventTable
    waiting: Callable[[str], int]
    file: Callable[[], Path | None]

    async def why(self, name: str) -> Explanation:
        """About a model, by name or alias, or one replica of it. Raises NOT_FOUND."""
        await self.overview.synced()
        await self.planner.picture.synced()
        model, spec, intent, replica = self._meant(name)
        view = self.overview.model(model)
        assert view is not None  # it was found in the same records
        found = seating(await self.planner.snapshot(), self.planner.policy, model)
        recent = await self.events.list_events(EventQuery(about=replica or model, last=EVENTS_TOLD))
        story = _explanation(view, spec, intent, self._with_engines(_only(found, replica)))
        file = self.file() if intent.owner == "config file" else None
        return replace(
            story,
            waiting=self.waiting(model),
            events=tuple(each.event for each in recent),
            config_file=str(file or ""),
        )

    def _meant(self, name: str) -> tuple[str, ModelSpec, ModelIntent, str]:
        """The model and, if one was named, the replica of it."""
        found = self.directory.resolve(name)
        if found is not None:
            return (*found, "")
        model, _, index = name.rpartition("/")
        found = self.directory.resolve(model) if index.isdecimal() else None
        if found is None or int(index) >= max(found[1].replicas, 1):
            raise self._unknown(name)
        return (*found, f"{found[0]}/{int(index)}")

    def _unknown(self, name: str) -> XinfError:
        known = [each for view in self.overview.model_rows() for each in (view.name, *view.aliases)]
        base = model_of(name) if name.rpartition("/")[2].isdecimal() else name
        if base in known:
            return _not_found("replica", name, f"See `xinf why {base}`")
        close = difflib.get_close_matches(base, known, n=1)
        if close:
            return _not_found("model", name, f"Did you mean {close[0]}?")
        there = f"There are: {', '.join(known)}" if known else "See `xinf launch`"
        return _not_found("model", name, there)

    def _with_engines(self, found: Seating) -> Seating:
        engines = {each.replica: each for each in self.overview.engines.items.values()}
        stories = tuple(_lived(story, engines.get(story.replica)) for story in found.replicas)
        return replace(found, replicas=stories)


def _explanation(
    view: ModelView, spec: ModelSpec, intent: ModelIntent, found: Seating
) -> Explanation:
    return Explanation(
        model=view.name,
        aliases=view.aliases,
        state=view.state,
        reason=view.reason,
        asked_by=intent.owner,
        activation=str(spec.activation),
        engine=view.engine,
        source=view.source,
        seating=found,
    )


def _lived(story: ReplicaStory, engine: RunningEngine | None) -> ReplicaStory:
    if engine is None:
        return story
    return replace(
        story,
        state=engine.state,
        reason=engine.reason,
        since=engine.since,
        context=engine.context or story.context,
    )


def _only(found: Seating, replica: str) -> Seating:
    if not replica:
        return found
    return replace(
        found,
        replicas=tuple(each for each in found.replicas if each.replica == replica),
        unplaced=tuple(each for each in found.unplaced if each.replica == replica),
    )


def _not_found(what: str, name: str, next_step: str) -> XinfError:
    return XinfError(
        ErrorCode.NOT_FOUND,
        thing=f"{what} {name!r}",
        cause=f"there is no {what} of that name",
        next_step=next_step,
        param="name",
    )
