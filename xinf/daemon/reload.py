"""The config file, followed: a valid save applies, an invalid one is refused with its reason.

Only models follow the file of a running xinf; whatever else was changed is named as waiting for
the next restart. A file that was there and is gone counts as invalid: taking every model away is
not what a moved file asks for. Where there was none, the first that appears is read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from xinf.config.settings import Settings
from xinf.config.source import Reading
from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.core.events import Event, Severity
from xinf.core.models import ModelSpec
from xinf.daemon.edits import model_changes, refused_words, waiting_keys, waiting_words
from xinf.daemon.file_watch import FileWatch, Stamp, stamp_of
from xinf.daemon.policies import declared_models
from xinf.observe.events import Tell, drop

log = logging.getLogger("xinf.config")

# A change is applied after two looks that saw the same.
LOOK_EVERY_S = 0.5


class Reload:
    """`declare` makes models the declared ones; `say` tells a person, a line at a time, and `tell`
    those who ask later.
    """

    def __init__(
        self,
        start: Reading,
        declare: Callable[[tuple[ModelSpec, ...]], Awaitable[None]],
        say: Callable[[str], None],
        clock: Clock,
        tell: Tell = drop,
    ) -> None:
        self._start = start
        self._now = start
        self._declare = declare
        self._say = say
        self._event = tell
        self._clock = clock
        self._watch = FileWatch()
        self._looking = asyncio.Lock()
        self._is_unapplied = False
        self._problem: str | None = None
        self._waiting: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        """The last valid ones. What lies outside models and defaults may wait for a restart."""
        return self._now.settings

    @property
    def file(self) -> Path | None:
        return self._now.paths.config_file

    @property
    def problem(self) -> str | None:
        """Why the file as it is now does not hold; None when it does."""
        return self._problem

    @property
    def waiting(self) -> tuple[str, ...]:
        """Settings that were changed and apply at the next restart."""
        return self._waiting

    async def run(self, reread: asyncio.Event) -> None:
        """Follow the file for ever; `reread` asks to look at once."""
        await self.look()  # it may have changed since the start read it
        while True:
            if await self._is_asked(reread) or await self._is_due():
                await self.look()

    async def look(self) -> None:
        """Read the file as it is now, and apply or refuse it."""
        async with self._looking:
            file = self._find()
            # Before reading, so that a change after this moment is one to come back for.
            self._watch.take(stamp_of(file))
            try:
                reading = await asyncio.to_thread(self._start.source.read, file)
                await self._declare(declared_models(reading.settings))
            except XinfError as error:
                self._is_unapplied = error.kind.retryable
                self._refuse(str(error))
            else:
                self._is_unapplied = False
                self._accept(reading)

    def _find(self) -> Path | None:
        """The file in use stays in use, also where another one would come before it by now."""
        return self.file or self._start.source.find()

    async def _is_asked(self, reread: asyncio.Event) -> bool:
        try:
            async with self._clock.timeout(LOOK_EVERY_S):
                await reread.wait()
        except TimeoutError:
            return False
        reread.clear()
        return True

    async def _is_due(self) -> bool:
        return self._watch.look(await asyncio.to_thread(self._stamp)) or self._is_unapplied

    def _stamp(self) -> Stamp | None:
        return stamp_of(self._find())

    def _refuse(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._tell("config.refused", refused_words(problem))

    def _accept(self, reading: Reading) -> None:
        changes = model_changes(declared_models(self.settings), declared_models(reading.settings))
        waiting = waiting_keys(self._start.settings, reading.settings)
        was_refused, was_waiting = self._problem is not None, self._waiting
        self._now, self._problem, self._waiting = reading, None, waiting
        if changes:
            self._tell("config.applied", f"{self.file}: {changes}")
        elif was_refused:
            self._tell("config.applied", f"{self.file} is right again")
        if waiting and waiting != was_waiting:
            self._tell("config.waiting", waiting_words(waiting))

    def _tell(self, kind: str, line: str) -> None:
        is_bad = kind == "config.refused"
        severity = Severity.WARNING if is_bad else Severity.INFO
        self._event(Event(self._clock.wall(), kind, "config", line, "", severity))
        spoken = f"warning: {line}" if is_bad else line
        log.log(logging.WARNING if is_bad else logging.INFO, "%s", spoken)
        self._say(spoken)
