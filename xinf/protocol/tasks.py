"""Tasks that live beside a stream and end with it. Both ends have a reader and a writer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

# Cancelled tasks end within a turn of the loop; one that will not must not hold its owner for ever.
END_SECONDS = 5.0


class Tasks:
    """Owner of tasks: leaving the block cancels those that are left and waits for them.

    Unlike in a TaskGroup a task that ends or fails leaves the others and the block alone, for a
    broken stream is news and not an accident; its failure is raised when the block is left.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: BaseException | None = None

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.end()
        if error is None and self._failure is not None:
            raise self._failure

    async def end(self) -> None:
        """Cancel what is left and wait for it; failures are forgotten."""
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=END_SECONDS)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and self._failure is None:
            self._failure = task.exception()
