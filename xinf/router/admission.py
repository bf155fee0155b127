"""Who may go on now, who waits, and who is refused.

Each model has one line of waiting requests, served in order of priority and arrival whenever a
replica may have become able to take one. Waiting is late binding: a request is given to a replica
only when there is a place, so that it never stands behind a long one while another replica idles.
The line is bounded by the model's `queue`, and a wait by the request's deadline. A request that
lost its engine comes back with its old place in the line, and is never refused for its length.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from xinf.core.clock import Clock
from xinf.core.errors import XinfError
from xinf.core.states import ModelState
from xinf.router import standing as words
from xinf.router.directory import ModelDirectory
from xinf.router.endpoints import Endpoint, EndpointTable
from xinf.router.overview import Overview
from xinf.router.pick import NoEndpoint, Policy, pick

# An instance that failed a request may be dying without anybody knowing yet; a healthy one that
# only failed this once deserves the retry if nobody else comes up. Longer than it takes the agent
# to notice a death, shorter than a user's patience.
FORGIVE_AFTER_S = 5.0
# Weight of the newest request in the average time that one holds its place.
_PACE_NEWEST = 0.1


@dataclass(frozen=True, slots=True)
class Ask:
    """One wish for a place. `deadline` is monotonic seconds; `ticket` keeps its place in line."""

    model: str
    priority: int
    deadline: float
    ticket: int
    avoid: Collection[str] = ()
    is_retry: bool = False


@dataclass(slots=True)
class Waiter:
    """`since` is when it joined the line, monotonic seconds."""

    ask: Ask
    seat: asyncio.Future[Endpoint]
    since: float


@dataclass(slots=True)
class Line:
    """The waiting requests of one model, and how long one usually holds its place."""

    waiters: list[Waiter] = field(default_factory=list[Waiter])
    pace_s: float = 1.0

    def join(self, waiter: Waiter) -> None:
        self.waiters.append(waiter)
        self.waiters.sort(key=lambda each: (each.ask.priority, each.ask.ticket))

    def note(self, held_s: float) -> None:
        self.pace_s += _PACE_NEWEST * (held_s - self.pace_s)


@dataclass(frozen=True, slots=True)
class Unserved:
    """Requests that wait for a model that no replica serves: how many, since when (monotonic
    seconds), and how urgent the most urgent one is.
    """

    waiting: int
    since: float
    priority: int


class _Late(Exception):
    """A deadline has passed."""


class Admission:
    """Owns the lines. Looks at them again whenever the table or a record has changed."""

    def __init__(
        self,
        directory: ModelDirectory,
        overview: Overview,
        table: EndpointTable,
        policy: Policy,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._overview = overview
        self._table = table
        self._policy = policy
        self._clock = clock
        self._lines: dict[str, Line] = {}
        self._tickets = itertools.count()
        self._listeners: list[Callable[[], None]] = []
        self._is_closing = False
        table.subscribe(self._look_again)
        overview.subscribe(self._look_again)

    def next_ticket(self) -> int:
        """A place in the order of arrival."""
        return next(self._tickets)

    @asynccontextmanager
    async def seat(self, ask: Ask) -> AsyncGenerator[Endpoint]:
        """A place at a replica, held for the block. Raises XinfError when there is none in time."""
        endpoint = await self._wait(ask)
        since = self._clock.now()
        try:
            yield endpoint
        finally:
            self._line(ask.model).note(self._clock.now() - since)
            self._table.give_back(endpoint)

    def waiting(self, model: str) -> int:
        """How many requests stand in line for `model`."""
        line = self._lines.get(model)
        return len(line.waiters) if line else 0

    def unserved(self) -> dict[str, Unserved]:
        """What requests wait for in vain as things are, by model."""
        found = {model: self._unserved(model, line) for model, line in self._lines.items()}
        return {model: each for model, each in found.items() if each is not None}

    def on_unserved(self, listener: Callable[[], None]) -> None:
        """Call `listener` when a request begins to wait for a model that nobody serves."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Nothing will load any more: whoever waits for that is told so."""
        self._is_closing = True
        self._look_again()

    async def _wait(self, ask: Ask) -> Endpoint:
        began = self._clock.now()
        if ask.avoid:
            forgiven = min(ask.deadline, began + FORGIVE_AFTER_S)
            with suppress(_Late):
                return await self._queue(replace(ask, deadline=forgiven))
        try:
            return await self._queue(replace(ask, avoid=()))
        except _Late:
            raise self._too_late(ask.model, self._clock.now() - began) from None

    async def _queue(self, ask: Ask) -> Endpoint:
        line = self._line(ask.model)
        future = asyncio.get_running_loop().create_future()
        waiter = Waiter(ask, future, self._clock.now())
        line.join(waiter)
        try:
            self._serve(ask.model)
            self._bound(ask, line, waiter)
            self._tell(waiter)
            return await self._until(waiter.seat, ask.deadline)
        except BaseException:
            if waiter.seat.done() and not waiter.seat.cancelled() and not waiter.seat.exception():
                self._table.give_back(waiter.seat.result())
            raise
        finally:
            if waiter in line.waiters:
                line.waiters.remove(waiter)

    async def _until(self, seat: asyncio.Future[Endpoint], deadline: float) -> Endpoint:
        if seat.done():
            return seat.result()
        try:
            async with self._clock.timeout(deadline - self._clock.now()):
                return await seat
        except TimeoutError:
            raise _Late from None

    def _tell(self, waiter: Waiter) -> None:
        model = waiter.ask.model
        if not waiter.seat.done() and self._unserved(model, self._line(model)):
            for listener in self._listeners:
                listener()

    def _unserved(self, model: str, line: Line) -> Unserved | None:
        waiters = line.waiters
        if not waiters or any(view.is_live for view in self._table.view(model)):
            return None
        since = min(waiter.since for waiter in waiters)
        return Unserved(len(waiters), since, min(waiter.ask.priority for waiter in waiters))

    def _bound(self, ask: Ask, line: Line, waiter: Waiter) -> None:
        """Refuse whoever made the line too long, unless it has been accepted long ago."""
        found = self._directory.resolve(ask.model)
        if found is None or ask.is_retry or waiter.seat.done():
            return
        queue = found[1].queue
        if len(line.waiters) > queue:
            raise words.queue_full(ask.model, queue, self._drain_s(ask.model, line))

    def _look_again(self) -> None:
        for model in list(self._lines):
            self._serve(model)

    def _serve(self, model: str) -> None:
        """Give every place there is to whoever is next; tell everybody if none will come."""
        line = self._lines[model]
        for waiter in tuple(line.waiters):
            if waiter.seat.done():  # its request has just gone away, and will leave the line
                continue
            outcome = self._outcome(waiter.ask)
            if outcome is not None:
                line.waiters.remove(waiter)
                _settle(waiter.seat, outcome)
            elif not waiter.ask.avoid:
                break  # whoever stands behind it could not go either

    def _outcome(self, ask: Ask) -> Endpoint | XinfError | None:
        found = self._directory.resolve(ask.model)
        if found is None:
            return words.unknown_model(ask.model, self._directory.names())
        if found[2].is_wanted:
            decision = pick(self._table.view(ask.model), self._policy, ask.avoid)
            if not isinstance(decision, NoEndpoint):
                return self._table.take(decision.replica)
        if self._is_closing and not any(view.is_live for view in self._table.view(ask.model)):
            return words.shutting_down()
        standing = self._overview.standing(ask.model)
        return words.refusal(standing) if standing else None

    def _too_late(self, model: str, waited_s: float) -> XinfError:
        standing = self._overview.standing(model)
        if standing is None:
            return words.unknown_model(model, self._directory.names())
        views = self._table.view(model)
        if standing.state is not ModelState.READY or not any(view.is_live for view in views):
            return words.still_loading(standing, waited_s)
        reason = pick(views, self._policy).reason
        return words.still_busy(model, reason, waited_s, self._drain_s(model, self._line(model)))

    def _drain_s(self, model: str, line: Line) -> float:
        """When the line as it is will probably have been served."""
        places = sum(view.capacity for view in self._table.view(model))
        return line.pace_s * len(line.waiters) / max(1, places)

    def _line(self, model: str) -> Line:
        return self._lines.setdefault(model, Line())


def _settle(seat: asyncio.Future[Endpoint], outcome: Endpoint | XinfError) -> None:
    if isinstance(outcome, XinfError):
        seat.set_exception(outcome)
    else:
        seat.set_result(outcome)
