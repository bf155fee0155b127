"""All requests that run in this shim, whichever RPC brought them.

The shim alone decides what busy is: a request counts from its Open until its last frame was taken
by its reader. Draining refuses new ones; stopping ends those that are left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from xinf.protocol.frames import REQUEST_BYTES_MAX
from xinf.protocol.messages import pb
from xinf.protocol.tasks import Tasks
from xinf.shim.backends.base import Call, EngineBackend, RequestFailed, Usage
from xinf.shim.lane import Lane
from xinf.shim.log import say


@dataclass(slots=True)
class Counters:
    """Requests that ended, by how."""

    finished: int = 0
    failed: int = 0
    cancelled: int = 0


@dataclass(eq=False, slots=True)
class Request:
    """One request from Open to its last frame. `ending` is why it was told to stop."""

    opening: pb.Open
    lane: Lane
    body: asyncio.Future[bytes]
    on_gone: Callable[[], None]
    parts: bytearray = field(default_factory=bytearray)
    task: asyncio.Task[Usage | RequestFailed] | None = None
    ending: RequestFailed | None = None

    def cancel(self) -> None:
        self.stop(_cancelled())

    def abandon(self) -> None:
        """Nobody reads the answer any more: end it, and drop what is left of it."""
        self.cancel()
        self.lane.drop()

    def feed(self, data: bytes, last: bool) -> None:
        """The next piece of its body."""
        if self.body.done():
            return
        if len(self.parts) + len(data) > REQUEST_BYTES_MAX:
            message = f"The request's body is longer than {REQUEST_BYTES_MAX} bytes."
            self.stop(RequestFailed("request_too_large", message))
            return
        self.parts += data
        if last:
            self.body.set_result(bytes(self.parts))
            self.parts = bytearray()

    def stop(self, ending: RequestFailed) -> None:
        """End it now, in the engine too. The first reason stands."""
        if self.ending is not None or self.task is None:
            return
        self.ending = ending
        if self.task.done():
            # Answered, but its reader is behind: what it has no credit for is never delivered.
            self.lane.fail(ending)
        else:
            self.task.cancel()


class Work:
    """Every request of this shim. `tasks` owns what runs for them."""

    def __init__(self, backend: EngineBackend, tasks: Tasks) -> None:
        self._backend = backend
        self._tasks = tasks
        self._answering = 0
        self._requests: set[Request] = set()
        self._changed = asyncio.Event()
        self._refusal: RequestFailed | None = None
        self.counters = Counters()

    @property
    def is_draining(self) -> bool:
        return self._refusal is not None

    @property
    def open_requests(self) -> int:
        return len(self._requests)

    def open(self, opening: pb.Open, lane: Lane, on_gone: Callable[[], None]) -> Request | None:
        """Begin a request whose body follows; None if it was refused, which its lane then says.

        `on_gone` is called when its last frame was taken or nobody wants it any more.
        """
        if self._refusal is not None:
            self.counters.failed += 1
            lane.fail(self._refusal)
            return None
        body: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        request = Request(opening, lane, body, on_gone)
        request.task = self._tasks.start(self._answer(request), f"request {opening.id}")
        request.task.add_done_callback(partial(self._answered, request))
        self._answering += 1
        self._requests.add(request)
        lane.on_gone = partial(self._gone, request)
        return request

    def cancel(self, request_id: str) -> bool:
        """End the requests that the client knows as `request_id`; whether there were any."""
        found = [each for each in self._requests if each.opening.id == request_id]
        for request in found:
            request.cancel()
        return bool(found)

    def refuse(self, refusal: RequestFailed) -> None:
        """From now on every Open fails with `refusal`."""
        self._refusal = refusal

    def stop_all(self, ending: RequestFailed) -> None:
        for request in tuple(self._requests):
            request.stop(ending)

    async def wait_empty(self, seconds: float) -> bool:
        """Until no request is left, or `seconds` have passed; whether none is left."""
        try:
            async with asyncio.timeout(seconds):
                while self._requests or self._answering:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _answer(self, request: Request) -> Usage | RequestFailed:
        opening = request.opening
        deadline = asyncio.timeout(opening.deadline_seconds or None)
        try:
            async with deadline:
                return await self._backend.handle(await _call(request), request.lane)
        except RequestFailed as failure:
            return failure
        except Exception as problem:
            if deadline.expired():
                return _timed_out(opening.deadline_seconds)
            # Only the kind: the text of an unforeseen exception may quote the prompt.
            say(f"request {opening.id}: {type(problem).__name__} in the backend")
            return RequestFailed("internal_error", "The engine's side failed on this request.")

    def _answered(self, request: Request, task: asyncio.Task[Usage | RequestFailed]) -> None:
        self._answering -= 1
        outcome = _cancelled() if task.cancelled() else task.result()
        if isinstance(outcome, Usage):
            self.counters.finished += 1
            request.lane.end(outcome)
        else:
            outcome = request.ending or outcome
            is_cancel = outcome.code == "cancelled"
            self.counters.cancelled += is_cancel
            self.counters.failed += not is_cancel
            request.lane.fail(outcome)
        self._changed.set()

    def _gone(self, request: Request) -> None:
        self._requests.discard(request)
        self._changed.set()
        request.on_gone()


async def _call(request: Request) -> Call:
    opening = request.opening
    return Call(
        id=opening.id,
        endpoint=opening.endpoint,
        body=await request.body,
        priority=opening.priority,
        deadline_seconds=opening.deadline_seconds,
        session_key=opening.session_key,
    )


def _timed_out(seconds: float) -> RequestFailed:
    message = f"The answer was not complete after {seconds:g} s."
    return RequestFailed("timed_out", message, retryable=True)


def _cancelled() -> RequestFailed:
    return RequestFailed("cancelled", "The request was cancelled.")
