"""Starts shim processes on this machine, and ends them.

The seam for other places to run engines: everything above asks a Launcher, and a Launcher that
puts shims elsewhere is one more class like LocalLauncher.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from xinf.agent.options import Birth, engine_env, rule_lines, shim_options
from xinf.agent.process import kill_session, read_stat, wait_exit
from xinf.agent.shim_files import (
    StatusFile,
    config_of,
    read_exit,
    read_status,
    remove_all,
    write_private,
)
from xinf.core.clock import Clock
from xinf.core.engines import EngineIdentity
from xinf.core.placement import ReplicaAssignment

# How long after SIGKILL the kernel may take to tear a process down, device memory included.
KILL_PATIENCE_S = 30.0
KILL_POLL_S = 0.02
# Names in the socket directory: short, for a socket's path may have 107 bytes.
INSTANCE_DIGITS = 8
PRIVATE_PREFIX = "r-"
# Enough of a log for the last traceback's end, little enough to stand in a reason.
LAST_WORDS_BYTES = 8192
LAST_WORDS_LINES = 5


@dataclass(frozen=True, slots=True)
class Launch:
    """All that a start needs besides the assignment: what was provisioned for it."""

    python: Path
    import_path: Path
    model_path: str
    visible_env: Mapping[str, str]
    orphan_lease_s: float


@dataclass(frozen=True, slots=True)
class ExitReport:
    """How a shim ended. `code` is negative for a signal, as in subprocess."""

    code: int
    reason: str


class Shim(Protocol):
    """One shim process, from its start until nothing of it is left."""

    @property
    def identity(self) -> EngineIdentity: ...

    @property
    def address(self) -> str:
        """Where it answers once it is ready."""
        ...

    def status(self) -> StatusFile | None:
        """Its last word while starting; None before the first."""
        ...

    async def wait(self) -> ExitReport:
        """Wait for its end. May be called any number of times."""
        ...

    def last_words(self) -> str:
        """The end of its log, for people; empty if it wrote nothing."""
        ...

    def terminate(self) -> None:
        """Ask it to end in order. Returns at once."""
        ...

    async def destroy(self) -> None:
        """End it and all its children now, reap them, and remove its files. Idempotent."""
        ...


class Launcher(Protocol):
    async def launch(self, assignment: ReplicaAssignment, launch: Launch) -> Shim:
        """Start a shim. Returns once the process exists; raises OSError if it cannot."""
        ...


class LocalLauncher:
    """Shims as subprocesses of this one, each leading its own session."""

    def __init__(self, socket_dir: Path, log_dir: Path, clock: Clock) -> None:
        self._socket_dir = socket_dir
        self._log_dir = log_dir
        self._clock = clock

    async def launch(self, assignment: ReplicaAssignment, launch: Launch) -> Shim:
        # Starting a process takes some 10 ms of blocking, and must not be lost when its caller is
        # cancelled meanwhile: then nobody would own the process.
        with ThreadPoolExecutor(1, "launch") as thread:
            starting = thread.submit(self._launch, assignment, launch)
            try:
                return await asyncio.wrap_future(starting)
            except asyncio.CancelledError:
                await starting.result().destroy()
                raise

    def _launch(self, assignment: ReplicaAssignment, launch: Launch) -> LocalShim:
        instance = uuid.uuid4().hex[:INSTANCE_DIGITS]
        socket = self._socket_dir / f"{instance}.sock"
        # Stable for a replica, so that what an engine keeps there outlives a restart.
        private = self._socket_dir / _private_name(assignment.replica)
        # The other half of xinf removes the directory when it ends and finds it empty.
        self._socket_dir.mkdir(mode=0o700, exist_ok=True)
        private.mkdir(mode=0o700, exist_ok=True)
        config = config_of(socket)
        birth = Birth(instance, launch.model_path, private, launch.orphan_lease_s)
        write_private(config, json.dumps(shim_options(assignment, birth)))
        log = self._log_dir / f"{assignment.replica.replace('/', '-')}.log"
        argv = [str(launch.python), "-P", "-m", "xinf.shim"]
        child = _spawn(
            [*argv, "--socket", str(socket), "--config", str(config)], assignment, launch, log
        )
        return LocalShim(child, socket, log, instance, self._clock)


class LocalShim:
    """A child process with its pidfd, its socket and the files beside it."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        socket: Path,
        log: Path,
        instance: str,
        clock: Clock,
    ) -> None:
        self._child = child
        self._socket = socket
        self._log = log
        self._clock = clock
        self._pidfd: int | None = os.pidfd_open(child.pid)
        self._report: ExitReport | None = None
        stat = read_stat(child.pid)
        # The child is not reaped yet, so /proc still knows it even if it has already ended.
        assert stat is not None
        self.identity = EngineIdentity(child.pid, stat.start_ticks, child.pid, instance)
        self.address = f"unix:{socket}"

    def status(self) -> StatusFile | None:
        told = read_status(self._socket)
        return told if told is not None and told.instance == self.identity.instance else None

    async def wait(self) -> ExitReport:
        if self._report is None and self._pidfd is not None:
            await wait_exit(self._pidfd)
            self._report = self._reap()
        assert self._report is not None
        return self._report

    def last_words(self) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(file.tell() - LAST_WORDS_BYTES, 0))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LAST_WORDS_LINES:])

    def terminate(self) -> None:
        if self._report is None and self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)

    async def destroy(self) -> None:
        if self._pidfd is None:
            return
        async with self._clock.timeout(KILL_PATIENCE_S):
            while not await asyncio.to_thread(kill_session, self.identity.session):
                await self._clock.sleep(KILL_POLL_S)
            await self.wait()
        os.close(self._pidfd)
        self._pidfd = None
        remove_all(self._socket)

    def _reap(self) -> ExitReport:
        code = self._child.wait()
        told = read_exit(self._socket)
        if told is not None:
            return ExitReport(code, told.reason)
        if code < 0:
            return ExitReport(code, f"killed by {signal.Signals(-code).name}")
        return ExitReport(code, f"ended with exit code {code} and said nothing")


def _private_name(replica: str) -> str:
    return PRIVATE_PREFIX + uuid.uuid5(uuid.NAMESPACE_OID, replica).hex[:INSTANCE_DIGITS]


def _spawn(
    argv: list[str], assignment: ReplicaAssignment, launch: Launch, log: Path
) -> subprocess.Popen[bytes]:
    env = {
        **engine_env(assignment, launch.visible_env, os.environ),
        "PYTHONPATH": str(launch.import_path),
        "PYTHONUNBUFFERED": "1",
    }
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        for line in rule_lines(assignment, os.environ):
            os.write(descriptor, f"{line}\n".encode())
        return subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
