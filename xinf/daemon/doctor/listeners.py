"""Who listens on a TCP port of this machine, by the kernel's own tables."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from xinf.daemon.doctor.facts import PortSeen

_LISTEN = "0A"


def port_seen(host: str, port: int, ours: int | None, proc: Path = Path("/proc")) -> PortSeen:
    """Whether `port` can be had, or is had by the xinf with pid `ours`. Blocks; never raises."""
    problem = _bind_problem(host, port)
    if problem is None:
        return PortSeen(host, port)
    if problem != errno.EADDRINUSE:
        return PortSeen(host, port, problem=_words(problem))
    pid = next(listeners(port, proc), None)
    if pid is None:
        return PortSeen(host, port, holder="a program of another user")
    return PortSeen(host, port, f"{name_of(pid, proc)} (pid {pid})", is_ours=pid == ours)


def listeners(port: int, proc: Path = Path("/proc")) -> Iterator[int]:
    """Pids that listen on `port`, of those whose open files this user may see."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    if not wanted:
        return
    for process in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):  # it has ended, or is not ours to look at
            if any(_target(link) in wanted for link in (process / "fd").iterdir()):
                yield int(process.name)


def name_of(pid: int, proc: Path = Path("/proc")) -> str:
    try:
        return (proc / str(pid) / "comm").read_text().strip()
    except OSError:
        return "a program"


def _bind_problem(host: str, port: int) -> int | None:
    """The number of the error that binding ends with; None if it can be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL
    return None


def _words(number: int) -> str:
    if number == errno.EACCES:
        return "this user may not listen there"
    return "this machine has no such address"


def _inodes(port: int, proc: Path) -> Iterator[str]:
    """Of sockets in the kernel's tables: columns are number, local, remote, state, ..., inode."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if len(fields) > 9 and fields[3] == _LISTEN and fields[1].endswith(f":{port:04X}"):
                yield fields[9]


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
