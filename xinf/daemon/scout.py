"""Looks at the files of wanted models, so that plans know their size before anything is loaded.

One model at a time: a look is quick for what is here, and a slow hub must not be asked for ten at
once. What was found stands in the store as `facts/<name of the source>`, also what was not, with
the reason: that is tried again after a while. Local files are looked at again when they change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Protocol

from xinf.agent.wake import Wake
from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.core.facts import ModelFacts, facts_name
from xinf.meta.records import Records
from xinf.registry.resolve import sources_of

log = logging.getLogger("xinf.scout")

# Local files may change, and packages may have been fetched meanwhile.
LOOK_AGAIN_S = 30.0
# A hub that could not be reached, or a file that was wrong.
RETRY_S = 180.0


class Inspects(Protocol):
    """All that the scout needs of `registry.inspector`."""

    async def look(self, source: str) -> ModelFacts:
        """Raises XinfError where nothing can be known."""
        ...

    async def revision(self, source: str) -> str | None:
        """That of local files, cheaply; None for other sources. Raises XinfError."""
        ...


class Scout:
    def __init__(self, records: Records, inspector: Inspects, clock: Clock) -> None:
        self._records = records
        self._inspector = inspector
        self._clock = clock
        self._wake = Wake(clock)
        self._models = records.models.mirror()
        # When a source that told nothing was last tried.
        self._tried: dict[str, float] = {}

    async def run(self) -> None:
        """Look for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._models.run(), name="scout's models")
            await self._models.synced()
            self._models.subscribe(self._wake.ring)
            while True:
                await self.look()
                await self._wake.wait(LOOK_AGAIN_S)

    async def look(self) -> None:
        """One turn: look at every source that is due, and forget those that nobody wants."""
        standing, strange = await self._records.facts.readable()
        wanted = dict.fromkeys(self._wanted())
        for source in wanted:
            known = standing.get(facts_name(source))
            if await self._is_due(source, known):
                found = await self._look_at(source)
                if found != known:
                    await self._records.facts.put(facts_name(source), found)
        for name in (standing.keys() | strange) - {facts_name(source) for source in wanted}:
            await self._records.facts.delete(name)
        self._tried = {source: at for source, at in self._tried.items() if source in wanted}

    def _wanted(self) -> Iterator[str]:
        """The sources of all models, also of those that run only when asked for."""
        for intent in self._models.items.values():
            if intent.spec is None:
                continue
            try:
                yield from sources_of(intent.spec)
            except XinfError:
                continue  # the plan says what is wrong with it

    async def _is_due(self, source: str, known: ModelFacts | None) -> bool:
        if known is None:
            return True
        if known.problem:
            tried = self._tried.get(source)
            return tried is None or self._clock.now() - tried >= RETRY_S
        try:
            revision = await self._inspector.revision(source)
        except XinfError:
            return False  # gone: what was known of it is as good as anything
        return revision is not None and revision != known.revision

    async def _look_at(self, source: str) -> ModelFacts:
        self._tried[source] = self._clock.now()
        try:
            return await self._inspector.look(source)
        except XinfError as error:
            log.info("nothing is known of %s: %s", source, error.cause)
            return ModelFacts(source, problem=error.cause)
