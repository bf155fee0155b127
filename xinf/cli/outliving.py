"""Waiting for something of a process that may end before it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from xinf.agent.process import wait_exit
from xinf.core.errors import ErrorCode, XinfError

_T = TypeVar("_T")


async def unless_ended(descriptor: int, work: Coroutine[Any, Any, _T]) -> _T | None:
    """What `work` comes to, or None once the process of this pidfd has ended first.

    That it does not answer any more counts as its end, which is then waited for. Bring a deadline.
    """
    async with asyncio.TaskGroup() as group:
        working = group.create_task(_answered(work))
        gone = group.create_task(wait_exit(descriptor))
        await asyncio.wait([working, gone], return_when=asyncio.FIRST_COMPLETED)
        answer = working.result() if working.done() and not working.cancelled() else None
        if answer is None:
            await gone
        working.cancel()
        gone.cancel()
    return answer


async def _answered(work: Coroutine[Any, Any, _T]) -> _T | None:
    try:
        return await work
    except XinfError as error:
        if error.code is not ErrorCode.NOT_RUNNING:
            raise
        return None
