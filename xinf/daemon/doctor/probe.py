"""Whether two devices really reach each other: two processes try it, and are ended if they hang.

Neither driver nor CUDA can be asked: both say yes for cards and boards on which it then hangs.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinf.core.clock import Clock
from xinf.daemon.doctor.facts import Reach
from xinf.runtime.process import Ended, run_to_end

# Importing torch from a cold disk, once for each process.
IMPORT_S = 60.0
MEET_S = 10.0
RANKS = 2
# Meetings never leave the machine; on the way out they would be in a firewall's way.
_LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
_OFF = {"NCCL_P2P_DISABLE": "1"}
_IMPORTED, _REACHED = "imported", "reached"
# What a user has set for engines in general would answer in place of the hardware.
_NOT_INHERITED = frozenset({"NCCL_P2P_DISABLE", "NCCL_P2P_LEVEL", "PYTHONPATH"})


@dataclass(frozen=True, slots=True)
class Probe:
    """How to try: `python` has torch, `import_path` is the shim's tree."""

    python: Path
    import_path: Path
    backend: str
    clock: Clock
    import_s: float = IMPORT_S
    meet_s: float = MEET_S


async def try_peers(
    probe: Probe, visible: Mapping[str, str], *, peers: bool = True
) -> tuple[Reach, str]:
    """What becomes of two processes that see `visible`, and the last words of one that failed.

    With `peers` off they are told not to reach into each other's memory. When this returns, both
    have ended.
    """
    env = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    env |= {**visible, **_LOOPBACK, "PYTHONPATH": str(probe.import_path)}
    env |= {} if peers else _OFF
    # In a folder of its own: whoever comes to a meeting that is over waits for ever.
    with tempfile.TemporaryDirectory(prefix="xinf-peers-") as folder:
        return await _meet(probe, env, Path(folder) / "meeting")


async def _meet(probe: Probe, env: Mapping[str, str], meeting: Path) -> tuple[Reach, str]:
    arrived = [asyncio.Event() for _ in range(RANKS)]

    async def arrival(rank: int) -> None:
        await arrived[rank].wait()

    argv = [str(probe.python), "-P", "-m", "xinf.shim.peers", probe.backend]

    async def run(rank: int) -> Ended:
        def look(line: str) -> None:
            if line == _IMPORTED:
                arrived[rank].set()

        try:
            told = [*argv, str(rank), str(meeting)]
            return await run_to_end(told, probe.clock, env=env, on_line=look)
        except OSError as error:
            return Ended(1, f"{probe.python} does not run: {error.strerror}")

    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(run(rank)) for rank in range(RANKS)]
        here = [group.create_task(arrival(rank)) for rank in range(RANKS)]
        reach, words = await _watch(probe, runs, here)
        for task in (*runs, *here):
            task.cancel()
    return reach, words


async def _watch(
    probe: Probe, runs: list[asyncio.Task[Ended]], here: list[asyncio.Task[None]]
) -> tuple[Reach, str]:
    try:
        async with probe.clock.timeout(probe.import_s):
            while not (all(task.done() for task in here) or _are_decided(runs)):
                await _any_of(*runs, *here)
    except TimeoutError:
        return Reach.CRASHED, f"importing torch took longer than {probe.import_s:.0f} s"
    try:
        async with probe.clock.timeout(probe.meet_s):
            while not _are_decided(runs):
                await _any_of(*runs)
    except TimeoutError:
        return Reach.HANGS, ""
    return _verdict(runs)


async def _any_of(*tasks: asyncio.Task[Any]) -> None:
    """Until one more of `tasks` is done."""
    pending = [task for task in tasks if not task.done()]
    await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)


def _are_decided(runs: list[asyncio.Task[Ended]]) -> bool:
    """One that failed decides for both: the other would wait for it."""
    ended = [run.result() for run in runs if run.done()]
    return len(ended) == len(runs) or any(each.code for each in ended)


def _verdict(runs: list[asyncio.Task[Ended]]) -> tuple[Reach, str]:
    ended = [run.result() for run in runs if run.done()]
    failed = next((each for each in ended if each.code), None)
    if failed is None:
        last = {each.tail.rpartition("\n")[2] for each in ended}
        is_told = last == {_REACHED}
        return (Reach.WORKS, "") if is_told else (Reach.CRASHED, "it ended and said nothing")
    words = failed.tail.rpartition("\n")[2]
    return (Reach.WRONG if "came out wrong" in words else Reach.CRASHED), words
