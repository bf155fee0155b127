"""`xinf up --detach`: the same xinf in the background, and its start followed from here."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from xinf.cli.follow import deadline
from xinf.cli.outliving import unless_ended
from xinf.cli.output import note
from xinf.cli.starting import announced, until_listening, until_started
from xinf.client.admin import AdminClient
from xinf.clock import SystemClock
from xinf.config.paths import Paths, ensure_private
from xinf.config.source import ConfigSource
from xinf.core.clock import Clock
from xinf.core.units import MIB
from xinf.daemon.lock import holder, taken
from xinf.daemon.roles import BOTH

LOG = "up.log"
# A few hundred starts; then it becomes `up.log.1` and begins anew.
LOG_BYTES_MAX = MIB


def detach(source: ConfigSource, arguments: Sequence[str], wait_s: float) -> None:
    """Start `up` with `arguments` in the background and return when everything is ready.

    Raises XinfError for what is wrong, and typer.Exit with its exit code when it ends early.
    """
    paths = source.read().paths
    for role in sorted(BOTH):
        pid = holder(paths.state_dir, role)
        if pid is not None:
            raise taken(paths.state_dir, role, str(pid))
    log = _log_file(paths)
    begin = log.stat().st_size if log.exists() else 0
    child = _spawn(["up", *arguments], log)
    try:
        is_whole = asyncio.run(_follow(child, paths, wait_s))
    except KeyboardInterrupt:
        note(f"xinf goes on in the background (pid {child.pid}); `xinf down` stops it")
        raise
    if is_whole is None:
        raise typer.Exit(_told_end(child, log, begin))
    note(f"xinf runs in the background (pid {child.pid}), its output is in {log}")
    if not is_whole:
        raise typer.Exit(1)


def _log_file(paths: Paths) -> Path:
    ensure_private(paths.state_dir)
    paths.log_dir.mkdir(mode=0o700, exist_ok=True)
    log = paths.log_dir / LOG
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_name(f"{LOG}.1"))
    return log


def _spawn(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """The way in which this Python was told to run xinf, with other arguments."""
    own = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv[1:])]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, *own, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


async def _follow(child: subprocess.Popen[bytes], paths: Paths, wait_s: float) -> bool | None:
    """Whether everything came up; None when the process has ended before that."""
    clock = SystemClock()
    descriptor = os.pidfd_open(child.pid)
    try:
        async with (
            AdminClient(paths.admin_socket) as client,
            deadline(clock, wait_s, f"xinf (pid {child.pid})", "it is not ready"),
        ):
            return await unless_ended(descriptor, _announced(client, child.pid, clock))
    finally:
        os.close(descriptor)


async def _announced(client: AdminClient, pid: int, clock: Clock) -> bool | None:
    await until_listening(client, clock, lambda status: status.pid == pid)
    return await announced(client) if await until_started(client.watch()) else None


def _told_end(child: subprocess.Popen[bytes], log: Path, begin: int) -> int:
    """Say why it has ended; its exit code, 1 where it has none to pass on."""
    code = child.wait()
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    ended = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
    note(errors[-1] if errors else f"error: xinf has ended {ended} before it was ready. See {log}")
    return max(code, 1)
