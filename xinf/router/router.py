"""One request on its way: a place, an engine, an answer; and again if the engine dies.

As long as the client got nothing of the answer, a failure that may be retried is: on another
replica, or on the restarted one. Which is why whoever sends an answer in one piece collects it
first. A request that was in flight at two deaths is suspected of causing them, and is given up.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from xinf.core.clock import Clock
from xinf.core.errors import ErrorCode
from xinf.core.requests import ExecutionContext
from xinf.engine.failure import EngineFailure
from xinf.engine.session import Data, EngineUsage, Head
from xinf.router.admission import Admission, Ask
from xinf.router.endpoints import Endpoint, EndpointTable
from xinf.router.ports import Stream
from xinf.router.standing import shutting_down

# More than one death is not chance: a third engine is not put at risk.
DEATHS_MAX = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer in one piece."""

    status: int
    content_type: str
    body: bytes


@dataclass(slots=True)
class Tries:
    """What has happened to one request so far."""

    failures: int = 0
    deaths: int = 0
    avoid: frozenset[str] = frozenset()


class RoutedStream:
    """The events of one answer, whichever engines it takes. Close it to cancel the request.

    `replica` is who answers, empty until one does. Raises XinfError (no place) or EngineFailure.
    """

    def __init__(self, router: Router, context: ExecutionContext, body: bytes) -> None:
        self._router = router
        self._context = context
        self._body = body
        self._patience_s = context.deadline - router.clock.now()
        self._ticket = router.admission.next_ticket()
        self._attempt = AsyncExitStack()
        self._endpoint: Endpoint | None = None
        self._stream: Stream | None = None
        self._tries = Tries()
        self._is_delivering = False

    @property
    def replica(self) -> str:
        return self._endpoint.engine.replica if self._endpoint else ""

    @property
    def usage(self) -> EngineUsage | None:
        return self._stream.usage if self._stream else None

    def __aiter__(self) -> RoutedStream:
        return self

    async def __anext__(self) -> Head | Data:
        while True:
            try:
                event = await anext(self._stream or await self._opened())
            except EngineFailure as failure:
                await self._recover(failure)
                continue
            self._is_delivering = self._is_delivering or isinstance(event, Data)
            return event

    async def collect(self) -> Answer:
        """The whole answer. A death in the middle starts it over, for nobody has seen any of it."""
        while True:
            head, pieces = Head(200, "application/json"), list[bytes]()
            try:
                async for event in self._stream or await self._opened():
                    if isinstance(event, Head):
                        head = event
                    else:
                        pieces.append(event.data)
            except EngineFailure as failure:
                await self._recover(failure)
                continue
            return Answer(head.status, head.content_type, b"".join(pieces))

    async def close(self) -> None:
        """Cancel what still runs; closing what has ended is fine."""
        await self._attempt.aclose()

    async def _opened(self) -> Stream:
        """Begin an attempt: a place first, then the request in its engine."""
        own = self._attempt.enter_async_context
        self._endpoint = await own(self._router.admission.seat(self._ask()))
        session = self._endpoint.session
        self._stream = await own(session.submit(self._context, self._body, deadline_s=0.0))
        return self._stream

    def _ask(self) -> Ask:
        is_retry = self._tries.failures > 0
        # Its patience begins anew: the time that a dead engine took is not the client's fault.
        renewed = self._router.clock.now() + self._patience_s
        return Ask(
            model=self._context.model,
            priority=self._context.priority,
            deadline=renewed if is_retry else self._context.deadline,
            ticket=self._ticket,
            avoid=self._tries.avoid,
            is_retry=is_retry,
        )

    async def _recover(self, failure: EngineFailure) -> None:
        """Make ready for another attempt; raises `failure` or a plainer one if there is none."""
        endpoint, tries = self._endpoint, self._tries
        self._stream = None
        await self._attempt.aclose()
        if self._router.is_cut:
            raise shutting_down() from failure
        if self._is_delivering or not failure.retryable or endpoint is None:
            raise failure
        if failure.code == ErrorCode.ENGINE_DRAINING:
            self._router.table.refuse(endpoint)
            return
        tries.failures += 1
        tries.deaths += failure.code == ErrorCode.ENGINE_FAILED
        tries.avoid |= {endpoint.instance}
        if tries.deaths >= DEATHS_MAX:
            raise _poison(failure) from failure
        if tries.failures > self._router.retries:
            raise failure


def _poison(failure: EngineFailure) -> EngineFailure:
    message = (
        f"{DEATHS_MAX} engines died while they answered this request, so it is not tried again. "
        f"The last one: {failure.message}"
    )
    return EngineFailure(ErrorCode.ENGINE_FAILED, message, retryable=False)


class Router:
    """Carries requests to engines. `retries` bounds how often one moves on."""

    def __init__(
        self, admission: Admission, table: EndpointTable, retries: int, clock: Clock
    ) -> None:
        self.admission = admission
        self.table = table
        self.retries = retries
        self.clock = clock
        self.is_cut = False

    @asynccontextmanager
    async def open(self, context: ExecutionContext, body: bytes) -> AsyncGenerator[RoutedStream]:
        """The answer to `body`; nothing is asked before the first event is. Leaving cancels it."""
        stream = RoutedStream(self, context, body)
        try:
            yield stream
        finally:
            await stream.close()

    def drain(self) -> None:
        """Whoever waits for a model to load is told that it will not."""
        self.admission.close()

    def cut(self) -> None:
        """Whoever is still here is told that it is over: sessions end, and are not opened again."""
        self.is_cut = True
        self.table.close()
        self.admission.close()
