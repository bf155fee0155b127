"""Engines that a dead control plane left behind are ended before anything new is started.

They are known twice: by their records in the store, and by the status files that every shim keeps
beside its socket, for the case that the record was never written. Both name a pid that must still
be the very process meant, so a stranger who got the pid later is never touched.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from xinf.agent.launcher import INSTANCE_DIGITS, PRIVATE_PREFIX
from xinf.agent.process import is_same_process, kill_session, read_stat
from xinf.agent.shim_files import read_status
from xinf.core.clock import Clock
from xinf.core.engines import RunningEngine
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.units import format_seconds

log = logging.getLogger("xinf.agent")

END_PATIENCE_S = 30.0
END_POLL_S = 0.05


async def end_orphans(engines: Iterable[RunningEngine], socket_dir: Path, clock: Clock) -> int:
    """End every engine of a predecessor and clear its sockets; how many there were.

    Raises XinfError(ENGINE_FAILED) if one cannot be ended.
    """
    recorded = {
        engine.identity.session
        for engine in engines
        if engine.identity is not None
        and is_same_process(engine.identity.pid, engine.identity.start_ticks)
    }
    sessions = recorded | await asyncio.to_thread(_unrecorded, socket_dir)
    for session in sorted(sessions):
        log.warning("ending engine of a predecessor, session %d", session)
        try:
            async with clock.timeout(END_PATIENCE_S):
                while not await asyncio.to_thread(kill_session, session):
                    await clock.sleep(END_POLL_S)
        except TimeoutError:
            raise _immortal(session) from None
    await asyncio.to_thread(clear_sockets, socket_dir)
    return len(sessions)


def _immortal(session: int) -> XinfError:
    return XinfError(
        ErrorCode.ENGINE_FAILED,
        thing=f"engine of a former xinf, session {session}",
        cause=f"still lives {format_seconds(END_PATIENCE_S)} after SIGKILL: its driver hangs",
        next_step=f"See `ps -s {session}`; only a reset of its device or a reboot helps",
    )


def _unrecorded(socket_dir: Path) -> set[int]:
    """Sessions of shims whose status file stands in `socket_dir` and who still use its socket."""
    found: set[int] = set()
    for path in socket_dir.glob("*.sock.status"):
        socket = path.with_suffix("")
        status = read_status(socket)
        stat = read_stat(status.pid) if status is not None else None
        if stat is not None and stat.is_alive and _mentions(stat.pid, socket):
            found.add(stat.session)
    return found


def _mentions(pid: int, socket: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return str(socket).encode() in arguments


def clear_sockets(socket_dir: Path) -> None:
    """What launchers put there (see launcher.py); the doors of others stay."""
    for folder in socket_dir.glob(f"{PRIVATE_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)
    for socket in socket_dir.glob(f"{'[0-9a-f]' * INSTANCE_DIGITS}.sock*"):
        socket.unlink(missing_ok=True)
