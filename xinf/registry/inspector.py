"""What a model's files say, wherever they are, without fetching the weights.

Files on this machine are looked at in place; of a repository only config.json and the headers are
asked for, by another process, see `hub_look`. A package has to be fetched first: nobody can look
into one from outside.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.facts import ModelFacts
from xinf.registry.examine import examine
from xinf.registry.fetch import ModelFiles
from xinf.registry.hub import ask_child
from xinf.registry.sources import HubSource, PathSource, parse_source

CHILD = "xinf.registry.hub_look"
# Some hundred headers over a slow line.
LOOK_S = 120.0

_READ = TypeAdapter(ModelFacts)


class Inspector:
    """`cache_dir` is where fetched models are noted."""

    def __init__(self, cache_dir: Path, clock: Clock) -> None:
        self._files = ModelFiles(cache_dir, clock)
        self._clock = clock

    async def look(self, source: str) -> ModelFacts:
        """Raises XinfError where nothing can be known."""
        parsed = parse_source(source)
        there = await self._files.present(source)
        if there is not None:
            return await asyncio.to_thread(examine, there, source)
        if isinstance(parsed, HubSource):
            return await self._ask(parsed, source)
        raise XinfError(
            ErrorCode.SOURCE_INVALID,
            thing=f"source {source!r}",
            cause="the package has not been fetched yet",
            next_step="Its size is assumed until it has been",
        )

    async def revision(self, source: str) -> str | None:
        """What `look` would find the revision of local files to be; None for other sources.

        Raises XinfError where nothing is there.
        """
        if not isinstance(parse_source(source), PathSource):
            return None
        there = await self._files.present(source)
        return there.revision if there else None

    async def _ask(self, source: HubSource, text: str) -> ModelFacts:
        argv = [sys.executable, "-P", "-m", CHILD, source.repo, source.revision, source.file]
        try:
            async with self._clock.timeout(LOOK_S):
                told = await ask_child(argv, text, "facts", self._clock)
        except TimeoutError as error:
            cause = f"the hub did not answer within {LOOK_S:.0f} s"
            raise _odd(text, ErrorCode.TIMED_OUT, cause) from error
        try:
            return replace(_READ.validate_python(told["facts"]), source=text)
        except (KeyError, ValidationError) as error:
            raise _odd(text, ErrorCode.INTERNAL, "what was told of it cannot be read") from error


def _odd(text: str, code: ErrorCode, cause: str) -> XinfError:
    return XinfError(code, thing=f"source {text!r}", cause=cause, next_step="Try again")
