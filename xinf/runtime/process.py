"""Running a program of somebody else's to its end, or to ours."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from xinf.core.clock import Clock

# What a program says last is what it failed of.
TAIL_LINES = 40
# A longer line is cut in pieces, not an error.
LINE_BYTES_MAX = 1024 * 1024
TERM_GRACE_S = 3.0
KILL_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """`tail` is the end of what it printed, standard output and standard error together."""

    code: int
    tail: str


async def run_to_end(
    argv: Sequence[str],
    clock: Clock,
    *,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] = lambda line: None,
) -> Ended:
    """Run `argv` in a session of its own. Cancelled, it takes the whole session down with it."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=None if env is None else dict(env),
        start_new_session=True,
        limit=LINE_BYTES_MAX,
    )
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        assert process.stdout is not None
        async for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip("\r\n")
            on_line(line)
            tail.append(line)
        return Ended(await process.wait(), "\n".join(tail))
    finally:
        if process.returncode is None:
            await _end_session(process, clock)


async def _end_session(process: Process, clock: Clock) -> None:
    for number, grace_s in ((signal.SIGTERM, TERM_GRACE_S), (signal.SIGKILL, KILL_GRACE_S)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with clock.timeout(grace_s):
                await process.wait()
                return
